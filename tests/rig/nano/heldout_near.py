"""What do people ask of tools that the generator knows under some name? Never trained on."""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.rig.nano.cases import Case, Offered, tool

WEATHER = tool(
    "get_current_weather", "Get the current weather in a given location",
    "location: str The city and state, e.g. San Francisco, CA", "unit?: celsius|fahrenheit",
)  # fmt: skip
CITY_WEATHER = tool("weather_now", "Tells how the weather is at the moment", "city: str City")
TIME = tool("get_local_time", "The local time in a city", "city: str Name of the city")
READ = tool("read_text", "Read a text file of the workspace", "path: str Path of the file")
WRITE = tool(
    "write_text", "Write a text file, replacing what was there",
    "path: str Where to write", "content: str What to write",
)  # fmt: skip
LIST = tool("list_folder", "Names of the files in a folder", "path: str The folder")
DELETE = tool("delete_path", "Delete a file for good", "path: str The file")
WORDS = tool("word_count", "Count the words of a text file.", "path: str")
PYTHON = tool("run_python", "Run Python and return what it prints", "code: str Python source")
SHELL = tool("run_shell", "Run a command in the shell", "command: str The command line")
GREP = tool(
    "search_text", "Search the files of a folder for a text",
    "pattern: str What to find", "path?: str Folder to search",
)  # fmt: skip
CALC = tool("calculate", "Evaluates an arithmetic expression", "expression: str")
ADD = tool("add", "Add two numbers", "a: num", "b: num")
MONEY = tool(
    "convert_currency", "Convert money between currencies",
    "amount: num How much", "from: str ISO code", "to: str ISO code",
)  # fmt: skip
STOCK = tool("get_stock_price", "Price of a share", "ticker: str Ticker symbol, e.g. AAPL")
MAIL = tool(
    "send_email", "Send an email", "to: str The address", "subject: str Subject line",
    "body?: str The text",
)  # fmt: skip
SMS = tool("send_sms", "Text somebody", "recipient: str Who gets it", "text: str The message")
SEARCH = tool("web_search", "Search the web", "query: str Search terms", "limit?: int Results")
WIKI = tool("get_summary", "Summary of an article", "title: str Title of the article")
REMIND = tool("add_reminder", "Reminds the user", "text: str Of what", "minutes: int From now")
TIMER = tool("start_timer", "Starts a countdown", "minutes: int How long")
ALARM = tool("set_alarm", "Sets an alarm clock", "time: str HH:MM")
EVENT = tool(
    "create_event", "Add an event to the calendar", "title: str What", "date: str The day",
    "time?: str Start time",
)  # fmt: skip
AGENDA = tool("list_events", "What is in the calendar on a day", "date: str The day")
ORDER = tool("get_order_status", "Status of a customer's order", "order_id: str Order number")
PARCEL = tool("track_parcel", "Where a parcel is", "tracking_number: str")
TRANSLATE = tool(
    "translate_text", "Translate a text", "text: str The text", "target_language: str Language",
)  # fmt: skip
FLIGHTS = tool(
    "find_flights", "Flights between two cities", "origin: str From", "destination: str To",
    "date?: str Day of departure",
)  # fmt: skip
HOTELS = tool("find_hotels", "Hotels in a city", "city: str Where", "nights?: int How many nights")
FOOD = tool("find_restaurants", "Restaurants by cuisine", "cuisine: str", "city: str")
TABLE = tool(
    "reserve_table", "Reserve a table", "restaurant: str", "people: int", "time: str When",
)  # fmt: skip
LIGHT = tool("set_light", "Switches a light", "room: str Which room", "state: on|off")
HEAT = tool("set_thermostat", "Sets the heating", "degrees: num Target", "room?: str Room")
SONG = tool("play_song", "Plays a song", "title: str Song", "artist?: str By whom")
UNITS = tool(
    "convert_units", "Converts between units", "value: num", "from_unit: str", "to_unit: str"
)
ROUTE = tool("get_distance", "Distance of two places", "origin: str Start", "destination: str End")
NEWS = tool("get_news", "Latest headlines on a topic", "topic: str")
DEFINE = tool("define_word", "Looks a word up in the dictionary", "word: str")
SQL = tool("run_sql", "Run a query on the database", "query: str SQL")
BALANCE = tool("get_balance", "Balance of a bank account", "account_id: str")
RANDOM = tool("random_number", "A random integer", "min: int", "max: int")
TICKET = tool(
    "open_ticket", "Open a support ticket", "summary: str", "priority?: low|normal|high",
)  # fmt: skip


def one(
    kind: str, ask: str, tools: tuple[Offered, ...], args: dict[str, Any], result: str, *must: Any
) -> Case:
    """A case of one call, of the first of the tools."""
    return Case(kind, ask, tools, ((tools[0].name, args),), (result,), must)


_CASES = (
    one("weather", "How's the weather over in Bergen?", (WEATHER, CALC), {"location": "Bergen"},
        '{"temperature": 9, "conditions": "drizzle"}', "9", "drizzle"),
    one("weather", "I'm off to Marrakesh. Hot there?", (CITY_WEATHER,), {"city": "Marrakesh"},
        "36 degrees, sunny", "36"),
    one("weather", "Give me the current conditions in Oslo, in celsius please",
        (WEATHER, TIME), {"location": "Oslo", "unit": "celsius"},
        '{"temp": -4, "sky": "snow"}', "-4", "snow"),
    one("weather", "Will I need sunglasses in Lisbon?", (CITY_WEATHER, STOCK), {"city": "Lisbon"},
        '{"sky": "clear", "degrees": 24}', "24", "clear"),
    one("weather", "temperature in Ulaanbaatar?", (CITY_WEATHER,), {"city": "Ulaanbaatar"},
        '{"temperature": "-17", "unit": "celsius"}', "-17"),
    one("weather", "What should I wear in Kansas City, MO today?", (WEATHER,),
        {"location": "Kansas City, MO"}, '{"temperature": 71, "unit": "fahrenheit"}', "71"),
    one("weather", "Tell me if it's windy in Wellington.", (WEATHER, READ),
        {"location": "Wellington"}, '{"wind": "strong", "temp": 12}', "strong"),
    one("time", "What's the time in Nairobi right now?", (TIME, WEATHER), {"city": "Nairobi"},
        "14:05", "14:05"),
    one("time", "Is it late in Honolulu?", (TIME,), {"city": "Honolulu"},
        '{"time": "23:41"}', "23:41"),
    one("time", "I want to call someone in Adelaide, what time is it there?", (TIME, SMS),
        {"city": "Adelaide"}, '{"local_time": "07:20"}', "07:20"),
    one("files", "What's in notes.md?", (READ, LIST), {"path": "notes.md"},
        "Call the plumber on Tuesday.", "plumber"),
    one("files", "please read docs/setup.txt for me", (READ, WRITE, LIST),
        {"path": "docs/setup.txt"}, "Run make first.", "make"),
    one("files", "Open src/app/config.toml and show me what it contains", (READ,),
        {"path": "src/app/config.toml"}, "port = 8080", "8080"),
    one("files", "Could you tell me what /etc/hostname says?", (READ, SHELL),
        {"path": "/etc/hostname"}, "thinkpad-x1\n", "thinkpad-x1"),
    one("files", "Which files are in the folder reports?", (LIST, READ), {"path": "reports"},
        '["q1.pdf", "q2.pdf"]', "q1.pdf", "q2.pdf"),
    one("files", "ls /srv/data", (LIST,), {"path": "/srv/data"}, "a.csv\nb.csv", "a.csv", "b.csv"),
    one("files", 'Write the text "see you soon" to hello.txt', (WRITE, READ),
        {"path": "hello.txt", "content": "see you soon"}, "ok", "hello.txt"),
    one("files", "Put 'buy stamps' into todo/errands.txt", (WRITE,),
        {"path": "todo/errands.txt", "content": "buy stamps"}, '{"written": 10}',
        ("errands.txt", "10")),
    one("files", "Get rid of old_backup.zip", (DELETE, LIST), {"path": "old_backup.zip"},
        "deleted", ("deleted", "old_backup.zip")),
    one("files", "How many words does thesis.tex have?", (WORDS, READ), {"path": "thesis.tex"},
        "48210", "48210"),
    one("files", "count the words in blog/2024-05-draft.md, please", (WORDS,),
        {"path": "blog/2024-05-draft.md"}, '{"words": 913}', "913"),
    one("files", 'Where do we mention "retry_after"?', (GREP, READ), {"pattern": "retry_after"},
        '["client.py", "docs/errors.md"]', "client.py", "docs/errors.md"),
    one("files", "find TODO in the folder src", (GREP,), {"pattern": "TODO", "path": "src"},
        '{"matches": ["src/main.rs"]}', "src/main.rs"),
    one("python", "Run print(2 ** 16)", (PYTHON, SHELL), {"code": "print(2 ** 16)"}, "65536\n",
        "65536"),
    one("python", "What does `sorted([3, 1, 2])` give in Python?", (PYTHON,),
        {"code": ("sorted([3, 1, 2])", "print(sorted([3, 1, 2]))")}, "[1, 2, 3]", "[1, 2, 3]"),
    one("python", "execute this for me: len('banana')", (PYTHON, CALC), {"code": "len('banana')"},
        "6", "6"),
    one("python", "Please run the code print(sum(range(10)))", (PYTHON,),
        {"code": "print(sum(range(10)))"}, '{"stdout": "45\\n", "exit_code": 0}', "45"),
    one("shell", "Run `git status`", (SHELL, READ), {"command": "git status"},
        "nothing to commit, working tree clean", "nothing to commit"),
    one("shell", "execute uname -r in the shell", (SHELL,), {"command": "uname -r"},
        "6.8.0-45-generic", "6.8.0"),
    one("shell", "Can you run the command df -h?", (SHELL, PYTHON), {"command": "df -h"},
        "/dev/sda1 40G 12G 28G", "28G"),
    one("math", "What is 391 * 27?", (CALC, TIME), {"expression": "391 * 27"}, "10557", "10557"),
    one("math", "work out (12 + 7) / 4 for me", (CALC,), {"expression": "(12 + 7) / 4"},
        '{"result": 4.75}', "4.75"),
    one("math", "How much is 15 + 49?", (ADD,), {"a": 15, "b": 49}, "64", "64"),
    one("math", "add 3.5 and 12", (ADD, MONEY), {"a": 3.5, "b": 12}, '{"sum": 15.5}', "15.5"),
    one("math", "Pick a random number from 1 to 6", (RANDOM,), {"min": 1, "max": 6}, "4", "4"),
    one("money", "How many yen do I get for 75 EUR? I mean JPY.", (MONEY,),
        {"amount": 75, "from": "EUR", "to": "JPY"}, "12180", "12180"),
    one("money", "Change 1200 SEK into GBP", (MONEY, STOCK),
        {"amount": 1200, "from": "SEK", "to": "GBP"}, '{"amount": 88.4}', "88.4"),
    one("money", "what's 49.99 USD in CHF", (MONEY,),
        {"amount": 49.99, "from": "USD", "to": "CHF"}, '{"converted": 44.1, "rate": 0.88}', "44.1"),
    one("money", "What is AMD trading at?", (STOCK, MONEY), {"ticker": "AMD"},
        '{"price": 161.3}', "161.3"),
    one("money", "Stock price of ASML please", (STOCK,), {"ticker": "ASML"}, "702.1", "702.1"),
    one("money", "How much is in account 4471-02?", (BALANCE,), {"account_id": "4471-02"},
        '{"balance": 310.55, "currency": "EUR"}', "310.55"),
    one("mail", "Email lena@firm.io with the subject Holiday", (MAIL, SMS),
        {"to": "lena@firm.io", "subject": "Holiday"}, "sent", "lena@firm.io"),
    one("mail", 'Write to office@school.edu, subject "Sick today", text "I have a cold"',
        (MAIL,), {"to": "office@school.edu", "subject": "Sick today", "body": "I have a cold"},
        '{"status": "sent"}', ("sent", "office@school.edu")),
    one("mail", "Text Mehmet: I am on my way", (SMS, MAIL),
        {"recipient": "Mehmet", "text": "I am on my way"}, "ok", "Mehmet"),
    one("mail", "Tell Grandma that dinner is ready", (SMS,),
        {"recipient": "Grandma", "text": "dinner is ready"}, "delivered", ("Grandma", "delivered")),
    one("search", "Search the web for cheap standing desks", (SEARCH, NEWS),
        {"query": "cheap standing desks"}, '["IKEA Trotten", "Flexispot E7"]', "Flexispot"),
    one("search", "Find information on lithium mining in Chile", (SEARCH,),
        {"query": "lithium mining in Chile"}, '{"results": ["SQM report 2024"]}', "SQM"),
    one("search", "look up how to prune roses", (SEARCH, WIKI),
        {"query": ("how to prune roses", "prune roses")}, '["Prune in late winter"]',
        "late winter"),
    one("search", "Give me a summary of the article Photosynthesis", (WIKI, SEARCH),
        {"title": "Photosynthesis"}, "Plants turn light into sugar.", "light into sugar"),
    one("search", "Who was Ada Lovelace?", (WIKI,), {"title": "Ada Lovelace"},
        "She wrote the first program.", "first program"),
    one("search", "any news about electric ferries?", (NEWS, SEARCH),
        {"topic": "electric ferries"}, '["Norway orders ten"]', "Norway orders ten"),
    one("search", "What does the word ephemeral mean?", (DEFINE, WIKI), {"word": "ephemeral"},
        "lasting a short time", "short time"),
    one("reminders", "Remind me to turn off the stove in 12 minutes", (REMIND, TIMER),
        {"text": "turn off the stove", "minutes": 12}, '{"ok": true}', "stove"),
    one("reminders", "In 90 minutes I must call the vet, remind me", (REMIND,),
        {"text": ("call the vet", "I must call the vet"), "minutes": 90}, "ok", "vet"),
    one("reminders", "Start a timer for 25 minutes", (TIMER, ALARM), {"minutes": 25}, "started",
        "25"),
    one("reminders", "wake me at 06:15", (ALARM, TIMER), {"time": "06:15"}, '{"set": true}',
        "06:15"),
    one("calendar", "Put dentist into my calendar for 2025-03-04", (EVENT, AGENDA),
        {"title": "dentist", "date": "2025-03-04"}, '{"id": "ev-19"}', ("ev-19", "dentist")),
    one("calendar", "Schedule budget meeting on Friday at 10:30", (EVENT,),
        {"title": "budget meeting", "date": "Friday", "time": "10:30"}, "created",
        ("created", "budget meeting")),
    one("calendar", "What do I have on 2025-07-19?", (AGENDA, EVENT), {"date": "2025-07-19"},
        '["standup at 09:00", "lunch with Omar"]', "standup", "Omar"),
    one("orders", "Where's my order KX-20931?", (ORDER, PARCEL), {"order_id": "KX-20931"},
        '{"status": "packed"}', "packed"),
    one("orders", "I ordered something, number 7741882, has it shipped?", (ORDER,),
        {"order_id": "7741882"}, '{"order_id": "7741882", "status": "shipped"}', "shipped"),
    one("orders", "Track my parcel JD0146000", (PARCEL,), {"tracking_number": "JD0146000"},
        '{"location": "Leipzig hub"}', "Leipzig"),
    one("support", "Open a ticket: the scanner jams, high priority", (TICKET, MAIL),
        {"summary": "the scanner jams", "priority": "high"}, '{"ticket": 9012}', "9012"),
    one("language", 'Translate "where is the exit" to Polish', (TRANSLATE,),
        {"text": "where is the exit", "target_language": "Polish"}, "gdzie jest wyjście",
        "gdzie jest"),
    one("language", "How do you say 'cheers' in Norwegian?", (TRANSLATE, DEFINE),
        {"text": "cheers", "target_language": "Norwegian"}, '{"translation": "skål"}', "skål"),
    one("travel", "Flights from Vienna to Malaga on 2025-06-02, please", (FLIGHTS, HOTELS),
        {"origin": "Vienna", "destination": "Malaga", "date": "2025-06-02"},
        '[{"flight": "OS311", "price": 180}]', "OS311"),
    one("travel", "I need to get from Accra to London by plane", (FLIGHTS,),
        {"origin": "Accra", "destination": "London"}, '["BA78"]', "BA78"),
    one("travel", "Find a hotel in Ghent for 3 nights", (HOTELS,), {"city": "Ghent", "nights": 3},
        '["Hotel Harmony", "Ibis"]', "Harmony"),
    one("travel", "Where can I eat Ethiopian food in Leeds?", (FOOD, TABLE),
        {"cuisine": "Ethiopian", "city": "Leeds"}, '["Habesha"]', "Habesha"),
    one("travel", "Book a table for 5 at Noma at 19:30", (TABLE,),
        {"restaurant": "Noma", "people": 5, "time": "19:30"}, "confirmed",
        ("Noma", "confirmed")),
    one("travel", "How far is it from Lyon to Turin?", (ROUTE, FLIGHTS),
        {"origin": "Lyon", "destination": "Turin"}, '{"distance": "314 km"}', "314"),
    one("home", "Turn on the light in the garage", (LIGHT, HEAT), {"room": "garage", "state": "on"},
        "ok", "garage"),
    one("home", "lights off in the nursery please", (LIGHT,), {"room": "nursery", "state": "off"},
        '{"ok": true}', "nursery"),
    one("home", "Set the heating to 19.5 degrees", (HEAT, LIGHT), {"degrees": 19.5}, "done",
        "19.5"),
    one("home", "Play Bohemian Rhapsody by Queen", (SONG,),
        {"title": "Bohemian Rhapsody", "artist": "Queen"}, "playing", "Bohemian Rhapsody"),
    one("home", "I'd love to hear Yesterday", (SONG, LIGHT), {"title": "Yesterday"}, "ok",
        "Yesterday"),
    one("units", "How many miles are 42.2 km?", (UNITS,),
        {"value": 42.2, "from_unit": "km", "to_unit": "miles"}, "26.22", "26.22"),
    one("units", "convert 180 pounds to kg", (UNITS, MONEY),
        {"value": 180, "from_unit": "pounds", "to_unit": "kg"}, '{"result": 81.6}', "81.6"),
    one("sql", "Run SELECT COUNT(*) FROM customers", (SQL,),
        {"query": "SELECT COUNT(*) FROM customers"}, "[[2417]]", "2417"),
    one("errors", "Read secrets.env", (READ,), {"path": "secrets.env"},
        '{"error": "permission denied"}', "permission denied"),
    one("errors", "What's the weather in Atlantis?", (CITY_WEATHER,), {"city": "Atlantis"},
        "Error: unknown city", "unknown city"),
    one("errors", "How many words are in missing.txt?", (WORDS,), {"path": "missing.txt"},
        '{"error": "no such file"}', "no such file"),
    Case("two calls", "What's the weather in Madrid and in Rome?", (CITY_WEATHER,),
         (("weather_now", {"city": "Madrid"}), ("weather_now", {"city": "Rome"})),
         ("31 degrees, sunny", "26 degrees, cloudy"), ("31", "26")),
    Case("two calls", "Read a.txt and then b.txt", (READ, WRITE),
         (("read_text", {"path": "a.txt"}), ("read_text", {"path": "b.txt"})),
         ("red", "blue"), ("red", "blue")),
    Case("two calls", "Count the words of intro.md and then delete it", (WORDS, DELETE),
         (("word_count", {"path": "intro.md"}), ("delete_path", {"path": "intro.md"})),
         ("77", "deleted"), ("77",)),
    Case("two calls", "List the folder inbox, then read inbox/first.txt", (LIST, READ),
         (("list_folder", {"path": "inbox"}), ("read_text", {"path": "inbox/first.txt"})),
         ('["first.txt"]', "Hello Jo"), ("first.txt", "Hello Jo")),
    Case("two calls", "How warm is it in Sofia, and what time is it there?",
         (CITY_WEATHER, TIME),
         (("weather_now", {"city": "Sofia"}), ("get_local_time", {"city": "Sofia"})),
         ("18 degrees, clear", "20:10"), ("18", "20:10")),
    Case("two calls", "Convert 10 USD to EUR and text Paul: lunch at one", (MONEY, SMS),
         (("convert_currency", {"amount": 10, "from": "USD", "to": "EUR"}),
          ("send_sms", {"recipient": "Paul", "text": "lunch at one"})),
         ("9.2", "ok"), ("9.2", "Paul")),
    Case("retry", "What's the price of INTC?", (STOCK,),
         (("get_stock_price", {"ticker": "INTC"}), ("get_stock_price", {"ticker": "INTC"})),
         ("Error: timed out", '{"price": 21.4}'), ("21.4",)),
    Case("retry", "Read report.txt", (READ,),
         (("read_text", {"path": "report.txt"}), ("read_text", {"path": "report.txt"})),
         ('{"error": "temporarily unavailable"}', "All good."), ("All good",)),
    Case("talk", "hi!", (WEATHER, CALC)),
    Case("talk", "Thank you so much", (READ,)),
    Case("talk", "who are you?", (SEARCH, MAIL)),
    Case("talk", "Good evening", ()),
    Case("talk", "That's all for now, bye", (WEATHER,)),
    Case("talk", "what are you able to do?", (PYTHON, SHELL)),
    Case("no tool", "Write me a limerick about cats", (WEATHER, STOCK)),
    Case("no tool", "Set an alarm for 7:00", (WEATHER, READ)),
    Case("no tool", "What is the weather in Quito?", (READ, WORDS)),
    Case("no tool", "Delete everything in /tmp", (TIME, MONEY)),
    Case("no tool", "Please translate 'hello' into French", ()),
    Case("no tool", "Why is the sky blue?", (ORDER, BALANCE)),
    Case("missing", "Send a text message to Igor", (SMS,)),
    Case("missing", "Convert 20 dollars", (MONEY,)),
)  # fmt: skip

CASES = tuple(dataclasses.replace(case, near=True) for case in _CASES)
