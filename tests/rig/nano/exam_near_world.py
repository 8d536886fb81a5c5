"""What do people ask about the world and at home, of tools that the generator knows by some name?

The other half of the near exam: weather, travel, shops, money, home, knowledge. Written by somebody
who had not seen the training data, and looked at only as totals before the figures of the card were
made: nobody who trains the model read these requests or a single failure until then.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tests.rig.nano.cases import CANNOT, CHAT, ERROR, MISSING, NO_TOOL, ONE, TWO, asked, tool

if TYPE_CHECKING:
    from tests.rig.nano.cases import Case

WEATHER = tool("current_conditions", "How the weather is at a place", "place: str Town or region",
               "units?: metric|imperial")  # fmt: skip
FORECAST = tool("forecast-days", "Weather forecast for the next days", "city: str",
                "days: int How many days")  # fmt: skip
CLOCK = tool("timeInCity", "What time it is somewhere", "city: str Name of the city")
STOCK = tool("quote", "Latest price of a share", "symbol: str Ticker symbol")
CRYPTO = tool("coin_price", "Price of a cryptocurrency", "coin: str Name or symbol",
              "currency?: str Currency of the price")  # fmt: skip
FLIGHTS = tool("search_flights", "Find flights", "from_city: str", "to_city: str",
               "date: str Day as YYYY-MM-DD", "passengers?: int")  # fmt: skip
FLY = tool("bookFlight", "Book a seat on a flight", "flight_number: str", "passenger: str Name")
HOTELS = tool("hotel_search", "Hotels in a town", "town: str", "check_in: str YYYY-MM-DD",
              "nights: int", "max_price?: num Per night")  # fmt: skip
EAT = tool("find_restaurants", "Restaurants nearby", "city: str", "cuisine?: str Kind of food")
TABLE = tool("reserve-table", "Book a table", "restaurant: str", "people: int",
             "time: str HH:MM")  # fmt: skip
ORDER = tool("order_lookup", "State of an order of the shop", "order_number: str")
PARCEL = tool("trackShipment", "Where a parcel is", "code: str Tracking code",
              "carrier?: dhl|ups|fedex")  # fmt: skip
SEARCH = tool("internet_search", "Search the web", "q: str Search terms",
              "max_results?: int")  # fmt: skip
WIKI = tool("encyclopedia", "First lines of an article", "topic: str Title of the article")
CART = tool("cart_add", "Put a product into the cart", "product_id: str", "quantity: int")
BUY = tool("placeOrder", "Order a product", "product: str", "quantity: int", "address: str")
PLAY = tool("play_track", "Play music", "title: str Song", "artist?: str")
LIGHTS = tool("light-switch", "Switch the lights of a room", "room: str", "state: on|off",
              "brightness?: int Percent")  # fmt: skip
HEAT = tool("set_thermostat", "Set the temperature of a room", "degrees: num", "room?: str")
ROUTE = tool("plan_route", "How to get from one place to another", "start: str", "end: str",
             "mode?: car|bike|walk|transit")  # fmt: skip
FAR = tool("distanceBetween", "Distance between two cities in km", "a: str", "b: str")
NEWS = tool("headlines", "Latest news", "topic: str", "count?: int")
MOVIE = tool("movie_info", "Facts about a film", "title: str", "year?: int Year of release")
RECIPE = tool("find_recipe", "A recipe for a dish", "dish: str", "servings?: int")
PEOPLE = tool("population_of", "How many people live in a country", "country: str")
CAPITAL = tool("capitalCity", "Capital of a country", "country: str")
HERE = tool("where_am_i", "The user's location")
BALANCE = tool("account_balance", "Money in an account", "account_id: str")
PAY = tool("send_money", "Transfer money to an account", "to_account: str", "amount: num",
           "note?: str Reference")  # fmt: skip
USER = tool("user_profile", "Data of a user", "user_id: int")

_ONE: tuple[Case, ...] = (
    asked(ONE, "Is it raining in Bergen at the moment?", (WEATHER, CLOCK, HEAT, NEWS),
          (WEATHER, {"place": "Bergen"}, '{"sky": "heavy rain", "temp_c": 7}'), must=("rain",)),
    asked(ONE, "whats the weather in Tucson, in imperial units",
          (HEAT, MOVIE, FORECAST, WEATHER, USER),
          (WEATHER, {"place": "Tucson", "units": "imperial"}, "Sunny, 101 F, wind 5 mph"),
          must=("101",)),
    asked(ONE, "Forecast for Porto for the next 3 days please", (WEATHER, HOTELS, MOVIE, FORECAST),
          (FORECAST, {"city": "Porto", "days": 3},
           '[{"day": 1, "high": 22}, {"day": 2, "high": 19}, {"day": 3, "high": 24}]'),
          must=("22", "19", "24")),
    asked(ONE, "I want to phone my aunt in Adelaide. What time is it there?", (CLOCK, HERE),
          (CLOCK, {"city": "Adelaide"}, '{"local_time": "22:40"}'), must=("22:40",)),
    asked(ONE, "What is NVDA trading at?", (STOCK, CRYPTO, MOVIE, BALANCE, PLAY),
          (STOCK, {"symbol": "NVDA"}, '{"symbol": "NVDA", "price": 131.6, "change": -0.8}'),
          must=("131.6",)),
    asked(ONE, "price of dogecoin?", (STOCK, USER, PLAY, CRYPTO),
          (CRYPTO, {"coin": ("dogecoin", "Dogecoin")}, "0.1613 USD"), must=("0.1613",)),
    asked(ONE, "How much is one ethereum in EUR right now?", (CRYPTO, SEARCH, STOCK, PAY),
          (CRYPTO, {"coin": ("ethereum", "Ethereum"), "currency": "EUR"},
           '{"price": 2387.5, "currency": "EUR"}'), must=(("2387.5", "2,387.5"),)),
    asked(ONE, "Find flights from Oslo to Madrid on 2025-08-14.", (FLY, FLIGHTS, HOTELS),
          (FLIGHTS, {"from_city": "Oslo", "to_city": "Madrid", "date": "2025-08-14"},
           '[{"flight": "DY1741", "departs": "06:30", "price": 129}]'), must=("DY1741",)),
    asked(ONE, "we are 4 passengers and would like to fly from Denver to Boston on 2026-02-20, "
          "what is there?", (FLIGHTS, ROUTE),
          (FLIGHTS, {"from_city": "Denver", "to_city": "Boston", "date": "2026-02-20",
                     "passengers": 4}, "UA 388, 09:15, $412 in all"), must=("388",)),
    asked(ONE, "Book flight LH2034 for Amara Diallo", (FLIGHTS, FLY, TABLE, MOVIE),
          (FLY, {"flight_number": "LH2034", "passenger": "Amara Diallo"},
           '{"booking": {"reference": "QX7T2P", "seat": "14C"}}'), must=("QX7T2P",)),
    asked(ONE, "I need a hotel in Ghent for 2 nights, check in 2025-09-05", (HOTELS, EAT, TABLE),
          (HOTELS, {"town": "Ghent", "check_in": "2025-09-05", "nights": 2},
           '["Hotel Graslei", "The Weaver Inn"]'), must=("Graslei",)),
    asked(ONE, "Where can I eat Korean food in Leipzig?", (EAT, RECIPE, TABLE),
          (EAT, {"city": "Leipzig", "cuisine": ("Korean", "korean", "Korean food")},
           '[{"name": "Seoul Kitchen", "stars": 4.5}]'), must=("Seoul Kitchen",)),
    asked(ONE, "reserve a table for 6 people at Da Marco at 19:30", (HEAT, TABLE, MOVIE, EAT, USER),
          (TABLE, {"restaurant": "Da Marco", "people": 6, "time": "19:30"},
           "Confirmed: Da Marco, 19:30"), must=(("19:30", "Da Marco", "confirmed"),)),
    asked(ONE, "Hello, I ordered something last week and it has still not come. My order number is "
          "B-55102. What is going on?", (RECIPE, PARCEL, PLAY, ORDER, MOVIE, CART),
          (ORDER, {"order_number": "B-55102"}, '{"state": "waiting for stock", "paid": true}'),
          must=("stock",)),
    asked(ONE, "Track 1Z88F0 for me", (ORDER, PARCEL, USER),
          (PARCEL, {"code": "1Z88F0"}, "Out for delivery since 08:12"), must=("delivery",)),
    asked(ONE, "where's my parcel JD0146002 shipped with dhl", (PARCEL, CRYPTO, ROUTE),
          (PARCEL, {"code": "JD0146002", "carrier": "dhl"},
           '{"events": [{"place": "Cologne", "what": "sorted"}]}'), must=("Cologne",)),
    asked(ONE, "Search the web for best budget tent", (WIKI, NEWS, SEARCH, BUY),
          (SEARCH, {"q": "best budget tent"},
           '[{"title": "Ten tents under $100", "url": "https://camp.example.com/tents"}]'),
          must=(("Ten tents", "camp.example.com"),)),
    asked(ONE, "google rust borrow checker tutorial", (SEARCH, MOVIE, PLAY),
          (SEARCH, {"q": "rust borrow checker tutorial"},
           "1. Borrowing for beginners - https://rust.example.org/borrow"),
          must=(("Borrowing", "rust.example.org"),)),
    asked(ONE, "What does the encyclopedia say about basalt?", (MOVIE, SEARCH, WIKI, CRYPTO),
          (WIKI, {"topic": ("basalt", "Basalt")}, "Basalt is a dark volcanic rock."),
          must=("volcanic",)),
    asked(ONE, "put 3 of product KB-209 in my cart", (BUY, CART, ORDER),
          (CART, {"product_id": "KB-209", "quantity": 3}, '{"items": 3, "total": 74.85}'),
          must=(("74.85", "cart", "added"),)),
    asked(ONE, "Please order 2 desk lamps to be sent to 8 Mill Lane, York.",
          (CRYPTO, CART, LIGHTS, BUY, HEAT, PARCEL),
          (BUY, {"product": ("desk lamps", "desk lamp"), "quantity": 2,
                 "address": "8 Mill Lane, York"}, "Order no. 70231 placed"), must=("70231",)),
    asked(ONE, "Play Blue Monday by New Order", (TABLE, PLAY, LIGHTS, USER),
          (PLAY, {"title": "Blue Monday", "artist": "New Order"},
           '{"now_playing": "Blue Monday"}'), must=("Blue Monday",)),
    asked(ONE, "put on the song Harvest Moon", (MOVIE, PLAY, HEAT),
          (PLAY, {"title": "Harvest Moon"}, "playing Harvest Moon"), must=("Harvest Moon",)),
    asked(ONE, "Turn the lights in the hallway off.", (HEAT, LIGHTS),
          (LIGHTS, {"room": "hallway", "state": "off"}, "ok: hallway is off"),
          must=("hallway",)),
    asked(ONE, "lights on in the study, brightness 40", (LIGHTS, PLAY, HEAT, CLOCK, NEWS),
          (LIGHTS, {"room": "study", "state": "on", "brightness": 40},
           '{"room": "study", "on": true, "brightness": 40}'), must=("40",)),
    asked(ONE, "It's chilly. Set the thermostat in the nursery to 21.5 degrees.", (WEATHER, HEAT),
          (HEAT, {"degrees": 21.5, "room": "nursery"}, "nursery: target 21.5"), must=("21.5",)),
    asked(ONE, "Plan a route from Union Square to the Ferry Building by bike", (FAR, ROUTE, HERE),
          (ROUTE, {"start": "Union Square", "end": ("the Ferry Building", "Ferry Building"),
                   "mode": "bike"}, '{"km": 2.4, "minutes": 11, "via": "Market Street"}'),
          must=(("Market Street", "2.4", "11"),)),
    asked(ONE, "How far is it from Nairobi to Mombasa?", (FAR, CRYPTO, MOVIE, FLIGHTS),
          (FAR, {"a": "Nairobi", "b": "Mombasa"}, "440"), must=("440",)),
    asked(ONE, "any news about fusion energy?", (HEAT, USER, NEWS, EAT),
          (NEWS, {"topic": "fusion energy"}, '["Reactor runs for 30 minutes, a record"]'),
          must=("record",)),
    asked(ONE, "Give me 2 headlines on cycling", (WIKI, NEWS, MOVIE),
          (NEWS, {"topic": "cycling", "count": 2},
           '["Tour adds a stage in Brittany", "Helmet law passed"]'),
          must=("Brittany", "Helmet")),
    asked(ONE, "Who directed the film Paper Lanterns?", (PLAY, RECIPE, MOVIE),
          (MOVIE, {"title": "Paper Lanterns"},
           '{"title": "Paper Lanterns", "director": "Ines Faria", "year": 2011}'),
          must=("Ines Faria",)),
    asked(ONE, "tell me about the movie Northern Line from the year 1987",
          (MOVIE, WIKI, RECIPE, CRYPTO, ROUTE),
          (MOVIE, {"title": "Northern Line", "year": 1987}, "A thriller, 104 minutes"),
          must=(("thriller", "104"),)),
    asked(ONE, "I'd like to make shakshuka. Is there a recipe for 4 servings?",
          (PLAY, USER, RECIPE, TABLE, EAT),
          (RECIPE, {"dish": ("shakshuka", "Shakshuka"), "servings": 4},
           '{"ingredients": ["8 eggs", "800 g tomatoes", "2 onions"], "minutes": 35}'),
          must=("eggs", "tomatoes")),
    asked(ONE, "How many people live in Uruguay?", (CAPITAL, PEOPLE),
          (PEOPLE, {"country": "Uruguay"}, '{"population": 3423000}'),
          must=(("3423000", "3,423,000", "3.4"),)),
    asked(ONE, "capital of Bhutan?", (PEOPLE, CAPITAL, WEATHER, FAR),
          (CAPITAL, {"country": "Bhutan"}, "Thimphu"), must=("Thimphu",)),
    asked(ONE, "Where am I?", (HERE, ROUTE, CLOCK),
          (HERE, {}, '{"city": "Tartu", "country": "Estonia"}'), must=("Tartu",)),
    asked(ONE, "how much money is in account AC-7781", (PAY, BALANCE),
          (BALANCE, {"account_id": "AC-7781"}, '{"balance": 1904.33, "currency": "EUR"}'),
          must=(("1904.33", "1,904.33"),)),
    asked(ONE, "Send 45.50 to account 30021577", (MOVIE, BALANCE, PAY, CRYPTO),
          (PAY, {"to_account": "30021577", "amount": 45.5}, "Transfer done, reference T-118"),
          must=(("T-118", "45.5", "done"),)),
    asked(ONE, "Show me the profile of user 60418", (USER, ORDER, BALANCE),
          (USER, {"user_id": 60418}, '{"id": 60418, "name": "Petra Lindqvist", "active": false}'),
          must=("Petra Lindqvist",)),
)  # fmt: skip
_OTHER: tuple[Case, ...] = (
    asked(TWO, "What is the weather like in Split, and what time is it there?",
          (MOVIE, WEATHER, CLOCK),
          (WEATHER, {"place": "Split"}, "clear, 27 C"), (CLOCK, {"city": "Split"}, "18:05"),
          must=("27", "18:05")),
    asked(TWO, "Find out where I am and then find restaurants there.",
          (EAT, HERE, HOTELS, CRYPTO, HEAT),
          (HERE, {}, '{"city": "Tampere"}'),
          (EAT, {"city": "Tampere"}, '["Ravintola Kivi", "Harbour Grill"]'), must=("Kivi",)),
    asked(TWO, "Check the balance of account K-12, then send 200 to account K-90",
          (USER, BALANCE, PAY),
          (BALANCE, {"account_id": "K-12"}, '{"balance": 950}'),
          (PAY, {"to_account": "K-90", "amount": 200}, '{"status": "completed"}'),
          must=("950",)),
    asked(TWO, "Look up the quotes for INTC and for AMD", (STOCK, NEWS),
          (STOCK, {"symbol": "INTC"}, "22.81"), (STOCK, {"symbol": "AMD"}, "118.40"),
          must=("22.81", "118.4")),
    asked(TWO, "Turn the lights on in the kitchen and play the song Golden Hour.",
          (CRYPTO, LIGHTS, USER, HEAT, PLAY),
          (LIGHTS, {"room": "kitchen", "state": "on"}, "kitchen is on"),
          (PLAY, {"title": "Golden Hour"}, '{"now_playing": "Golden Hour"}'),
          must=("kitchen", "Golden Hour")),
    asked(TWO, "what's the capital of Laos? tell me the weather there too", (CAPITAL, WEATHER),
          (CAPITAL, {"country": "Laos"}, "Vientiane"),
          (WEATHER, {"place": "Vientiane"}, '{"sky": "cloudy", "temp_c": 31}'),
          must=("Vientiane", "31")),
    asked(ERROR, "How is the weather in Kiruna?", (WEATHER, FORECAST),
          (WEATHER, {"place": "Kiruna"}, '{"error": "timeout, please retry"}'),
          (WEATHER, {"place": "Kiruna"}, "snow, -9 C"), must=("snow",)),
    asked(ERROR, "status of order 900-417 please", (USER, MOVIE, ORDER, PARCEL),
          (ORDER, {"order_number": "900-417"}, "Error: no order with the number 900-417"),
          must=(("no order", "not found", "couldn't find", "could not find", "does not exist",
                 "doesn't exist"),)),
    asked(ERROR, "Play Silver Rain by The Larks", (PLAY, SEARCH),
          (PLAY, {"title": "Silver Rain", "artist": "The Larks"},
           "Error: the player is busy, try again"),
          (PLAY, {"title": "Silver Rain", "artist": "The Larks"}, "playing"),
          must=(("playing", "Silver Rain"),)),
    asked(NO_TOOL, "Delete the file draft.txt", (WEATHER, NEWS, STOCK), must=(CANNOT,)),
    asked(NO_TOOL, "Can you book me a table at Chez Nora at 20:00?", (HEAT, LIGHTS),
          must=(CANNOT,)),
    asked(NO_TOOL, "Send an e-mail to omar@example.com saying hello", (FAR, CAPITAL, PEOPLE),
          must=(CANNOT,)),
    asked(MISSING, "What's the weather like?", (WEATHER, NEWS),
          must=(("where", "which", "place", "city", "town", "location"),)),
    asked(MISSING, "I want to know where my parcel is.", (PARCEL, MOVIE),
          must=(("code", "tracking", "number"),)),
    asked(MISSING, "Reserve a table for 2 people at 18:00.", (TABLE,),
          must=("restaurant",)),
    asked(CHAT, "Great, thank you very much!", (WEATHER, CLOCK),
          must=(("welcome", "glad", "happy", "pleasure", "anytime", "any time"),)),
    asked(CHAT, "hello", (STOCK, CRYPTO, PAY), must=(("hello", "hi!", "hi,", "hi ", "help"),)),
    asked(CHAT, "See you tomorrow, bye!", (NEWS,),
          must=(("bye", "see you", "tomorrow", "take care", "later"),)),
)  # fmt: skip
CASES = tuple(dataclasses.replace(case, near=True) for case in (*_ONE, *_OTHER))
