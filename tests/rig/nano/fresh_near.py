"""What do people ask of the tools that most assistants have? Fresh requests, never trained on."""

from __future__ import annotations

from dataclasses import replace

from tests.rig.nano.cases import (
    CANNOT,
    CHAT,
    ERROR,
    MISSING,
    NO_TOOL,
    ONE,
    TWO,
    Case,
    asked,
    tool,
)

WEATHER = tool("fetch_conditions", "Returns the current weather conditions for a location.",
               "location: str City or town name")  # fmt: skip
OUTLOOK = tool("daily_outlook", "Multi-day weather forecast.", "place: str Name of the place",
               "num_days: int Days to forecast, 1 to 10")  # fmt: skip
AIR = tool("airQualityIndex", "Gets the AQI reading for a city", "cityName: str")
SUN = tool("sun_times", "Sunrise and sunset at a location on a given date",
           "location: str", "on_date: str ISO date, YYYY-MM-DD")  # fmt: skip
CLOCK = tool("clock_in_city", "Tells what time it is in a city.", "city: str The city to look up")
ZONE = tool("tz_now", "Current time in an IANA time zone", "tz: str IANA zone such as Asia/Tokyo")
SHIFT = tool("shift_timezone", "Convert a wall-clock time between two cities",
             "hhmm: str Time as HH:MM, 24h", "from_city: str", "to_city: str")  # fmt: skip
TIMER = tool("startCountdown", "Starts a countdown timer.", "minutes: int Duration in minutes",
             "label?: str Optional name of the timer")  # fmt: skip
GAP = tool("days_between", "Number of days between two dates.", "first: str YYYY-MM-DD",
           "second: str YYYY-MM-DD")  # fmt: skip
ADD_DATE = tool("date_plus", "Adds an amount of time to a date", "date: str YYYY-MM-DD",
                "amount: int", "unit: days|weeks|months|years")  # fmt: skip
WEEKDAY = tool("which_weekday", "Which day of the week a date falls on", "date: str YYYY-MM-DD")

INSERT = tool("calendar_insert", "Create an event in the user's calendar.",
              "title: str Event title", "date: str YYYY-MM-DD",
              "start: str Start time, HH:MM (24-hour)")  # fmt: skip
AGENDA = tool("agenda_for_day", "List the events of one day.", "date: str YYYY-MM-DD")
DROP_EVENT = tool("calendar_drop", "Deletes an event by its id.", "event_id: str")
SLOT = tool("find_free_slot", "First gap in somebody's calendar that is long enough",
            "person: str", "date: str YYYY-MM-DD", "duration_min: int")  # fmt: skip
NUDGE = tool("schedule_nudge", "Remind the user of something later today",
             "message: str What to remind of", "at: str HH:MM, 24-hour clock")  # fmt: skip
ALARM = tool("alarm_clock_set", "Sets the alarm.", "time: str HH:MM",
             "repeat_daily?: bool Ring every day")  # fmt: skip
TODO = tool("todos_append", "Append an item to one of the user's lists",
            "list_name: str e.g. groceries", "item: str")  # fmt: skip
TODOS = tool("todos_show", "Show what is on a list", "list_name: str")
DONE = tool("mark_task_complete", "Marks a task as done", "task_id: int")
JOT = tool("jot_down", "Save a new note.", "heading: str Title of the note",
           "body: str Text of the note")  # fmt: skip
NOTEBOOK = tool("search_notebook", "Full-text search over the notes", "phrase: str")
DROP_NOTE = tool("remove_note", "Permanently delete a note", "note_id: str")

MAIL = tool("dispatch_mail", "Sends an e-mail on behalf of the user.",
            "recipient: str E-mail address", "subject: str", "text: str Plain-text body",
            "cc?: [str] Further addresses")  # fmt: skip
INBOX = tool("inbox_query", "List messages from one sender.", "sender: str E-mail address",
             "unread_only: bool Leave out what was read already")  # fmt: skip
OPEN_MAIL = tool("open_message", "Returns the body of a message", "message_id: str")
UNREAD = tool("unread_count", "How many unread e-mails there are in the inbox.")
SMS = tool("textMessage", "Send an SMS", "phoneNumber: str", "content: str")
CHANNEL = tool("post_to_channel", "Post a message in a team chat channel.",
               "channel: str Name without the #", "text: str")  # fmt: skip

READ = tool("cat_file", "Print the contents of a text file.", "path: str")
WRITE = tool("save_text", "Write text to a file, replacing what was there.", "path: str",
             "contents: str")  # fmt: skip
FOLDER = tool("dir_listing", "Names of the entries in a folder", "folder: str",
              "show_hidden?: bool Include dotfiles")  # fmt: skip
MOVE = tool("relocate_file", "Move or rename a file", "source: str Old path",
            "target: str New path")  # fmt: skip
GREP = tool("grep_tree", "Find lines that contain a pattern below a directory", "pattern: str",
            "directory: str")  # fmt: skip
TRASH = tool("trash_file", "Put a file into the bin", "path: str")
SIZE = tool("disk-usage", "Size of a directory on disk", "directory: str")
BASH = tool("bash_exec", "Execute a command line in bash and return its output.", "cmd: str")
REPL = tool("py_repl", "Runs Python code; whatever it prints is returned.", "code: str")
MATHS = tool("evaluate_math", "Evaluates an arithmetic expression, e.g. 2*(3+4)", "expr: str")
BINARY = tool("arith", "Do one operation on two numbers", "left: num",
              "op: plus|minus|times|divided_by", "right: num")  # fmt: skip
ROOT = tool("sqrt_of", "Square root", "x: num")
PERCENT = tool("percent_of", "Computes a percentage of an amount.", "percent: num", "whole: num")
SUM = tool("sum_list", "Adds up a list of numbers", "numbers: [num]")

LENGTH = tool("convert_length", "Convert a length.", "value: num", "from_unit: m|km|mi|ft|in|cm",
              "to_unit: m|km|mi|ft|in|cm")  # fmt: skip
FAHRENHEIT = tool("celsiusToFahrenheit", "Turns degrees Celsius into Fahrenheit", "celsius: num")
MASS = tool("convert_mass", "Convert a mass.", "value: num", "from_unit: kg|g|lb|oz",
            "to_unit: kg|g|lb|oz")  # fmt: skip
FX = tool("fx_quote", "Converts money at today's rate.", "amount: num",
          "base: str ISO 4217 code", "quote: str ISO 4217 code")  # fmt: skip
TICKER = tool("ticker_last", "Last traded price of a stock", "ticker: str Symbol")
HISTORY = tool("closing_prices", "Closing prices of the last days", "ticker: str",
               "days: int")  # fmt: skip
COIN_PRICE = tool("coinSpot", "Spot price of a cryptocurrency in USD", "coin: str Name of the coin")
TRADE = tool("place_trade", "Places a market order.", "ticker: str", "side: buy|sell",
             "shares: int")  # fmt: skip

WEB = tool("web_lookup", "Searches the web.", "q: str Search terms")
PEDIA = tool("encyclopedia_summary", "First paragraph of the encyclopedia article on a topic",
             "topic: str")  # fmt: skip
NEWS = tool("top_headlines", "Latest headlines.", "category: sports|business|science|politics",
            "count: int How many")  # fmt: skip
TRANSLATE = tool("translate_phrase", "Translates a phrase into another language.",
                 "phrase: str", "into: str Target language, in English")  # fmt: skip
DETECT = tool("guess_language", "Guess which language a snippet is in", "snippet: str")
DEFINE = tool("word_definition", "Dictionary entry of an English word", "word: str")

TRACK = tool("order_tracker", "Where a customer's order is.", "order_no: str")
VOID = tool("void_order", "Cancels an order that has not shipped.", "order_no: str",
            "reason: too_expensive|wrong_item|changed_mind|other")  # fmt: skip
RETURN = tool("open_return", "Start the return of an item", "order_no: str",
              "sku: str Article number", "quantity: int")  # fmt: skip
STOCK = tool("sku_availability", "Units of an article that can be sold now", "sku: str")
RAISE = tool("raise_ticket", "Open a support ticket.", "customer_email: str", "summary: str",
             "severity: low|normal|urgent")  # fmt: skip
TICKET = tool("ticket_details", "Shows a support ticket", "ticket: str Ticket key")
ASSIGN = tool("assign_ticket", "Hand a ticket to an agent", "ticket: str Ticket key",
              "agent: str Login of the agent")  # fmt: skip
SQL = tool("execute_query", "Runs a read-only SQL statement against the shop database.",
           "statement: str SQL")  # fmt: skip
TABLE = tool("describe_table", "Columns of a database table with their types", "table: str")
ROWS = tool("row_count", "Number of rows in a table", "table: str", "schema?: str")

ROUTE = tool("plan_route", "Directions between two places.", "origin: str", "destination: str",
             "mode: car|bike|foot|transit")  # fmt: skip
GEOCODE = tool("geocode", "Latitude and longitude of an address", "address: str")
NEARBY = tool("places_around", "Points of interest around a place",
              "category: pharmacy|atm|supermarket|park", "around: str A place")  # fmt: skip
DISTANCE = tool("crow_distance", "Distance between two cities as the crow flies, in km",
                "city_a: str", "city_b: str")  # fmt: skip
FLIGHTS = tool("flight_finder", "Find flights on a date.", "from_airport: str IATA code",
               "to_airport: str IATA code", "date: str YYYY-MM-DD")  # fmt: skip
FLIGHT = tool("flightStatus", "Live status of a flight", "flightNumber: str e.g. BA117")
SEAT = tool("book_seat", "Books a seat on a flight", "flight_number: str", "passenger: str",
            "cabin: economy|premium|business")  # fmt: skip
HOTELS = tool("hotel_finder", "Hotels with free rooms", "city: str",
              "check_in: str YYYY-MM-DD", "nights: int", "guests: int")  # fmt: skip
HOTEL = tool("hotel_reserve", "Reserve a room.", "hotel_id: int", "guest_name: str",
             "nights: int")  # fmt: skip
EATING = tool("eat_out_search", "Restaurants in a town by cuisine", "town: str",
              "cuisine: str")  # fmt: skip
DINNER = tool("table_booking", "Book a table in a restaurant for tonight", "restaurant: str",
              "party_size: int", "time: str HH:MM")  # fmt: skip

PLAY = tool("play_track", "Play a song on the living-room speaker.", "song: str", "artist: str")
VOLUME = tool("set_volume_level", "Volume of the speaker", "percent: int 0 to 100")
PAUSE = tool("pause_playback", "Pauses whatever is playing.")
QUEUE = tool("playlist_push", "Add a song to a playlist", "playlist: str", "song: str")
LIGHT = tool("switch_light", "Turn the light of a room on or off.", "room: str", "state: on|off")
DIM = tool("dim_light", "Brightness of a room's light", "room: str", "level: int Percent")
HEAT = tool("thermostat_target", "Sets the temperature a room is heated to", "room: str",
            "celsius: num")  # fmt: skip
LOCK = tool("doorLock", "Lock or unlock a door", "door: str", "locked: bool")
ROOM_TEMP = tool("room_climate", "Temperature and humidity measured in a room", "room: str")
PHONEBOOK = tool("phonebook_find", "Look a person up in the contacts", "name: str")
PHONE_ADD = tool("phonebook_add", "Adds a contact.", "name: str", "phone: str")
BALANCE = tool("account_funds", "Balance of a bank account", "account: str Account number")
WIRE = tool("wire_funds", "Move money between accounts.", "from_account: str", "to_account: str",
            "amount: num EUR")  # fmt: skip
SPENDING = tool("recent_transactions", "Most recent transactions of an account", "account: str",
                "limit: int")  # fmt: skip
PROFILE = tool("user_profile", "Profile of a user of the platform", "username: str")
RESET = tool("send_reset_link", "Mail somebody a link to reset the password", "email: str")
COOK = tool("recipes_with", "Recipes that use the given ingredients", "ingredients: [str]",
            "vegetarian?: bool")  # fmt: skip
RECIPE = tool("recipe_steps", "How to cook a dish", "dish: str")
DICE = tool("throw_dice", "Throws dice and returns the faces", "count: int", "sides: int")
TOSS = tool("toss_coin", "Heads or tails.")
PICK = tool("pick_one", "Picks one of several options at random", "options: [str]")
RANDOM = tool("random_between", "Random whole number, both ends included", "low: int", "high: int")

_CASES: tuple[Case, ...] = (
    # Weather, time and dates
    asked(ONE, "How's it looking outside in Bergen right now?", (WEATHER, NEWS),
          (WEATHER, {"location": "Bergen"}, '{"temp_c": 7, "sky": "drizzle", "wind_kmh": 22}'),
          must=("drizzle",)),
    asked(ONE, "do i need a jacket in Valparaiso", (CLOCK, WEATHER, EATING),
          (WEATHER, {"location": "Valparaiso"}, "Valparaiso: 11.5 degrees, windy"),
          must=(("11.5", "11,5", "windy"),)),
    asked(ONE, "Give me the next 3 days for Ljubljana please", (WEATHER, OUTLOOK),
          (OUTLOOK, {"place": "Ljubljana", "num_days": 3},
           '[{"d": "Mon", "max": 19}, {"d": "Tue", "max": 23}, {"d": "Wed", "max": 16}]'),
          must=("19", "23", "16")),
    asked(ONE, "I feel like something vegetarian, with chickpeas and spinach in it. Any recipes?",
          (COOK, RECIPE),
          (COOK, {"ingredients": (["chickpeas", "spinach"], ["spinach", "chickpeas"]),
                  "vegetarian": True}, '["Chana saag", "Spanish stew"]'),
          must=("chana saag", "spanish stew")),
    asked(ONE, "When does the sun go down in Tromso on 14 August 2026?", (WEATHER, CLOCK, SUN),
          (SUN, {"location": "Tromso", "on_date": "2026-08-14"},
           '{"sunrise": "03:41", "sunset": "21:52"}'),
          must=(("21:52", "9:52"),)),
    asked(ONE, "what time have they got in Hanoi", (SHIFT, CLOCK),
          (CLOCK, {"city": "Hanoi"}, '{"time": "04:17", "day": "Friday"}'), must=("4:17",)),
    asked(ONE, "Time in America/Bogota?", (ZONE,),
          (ZONE, {"tz": "America/Bogota"}, "2026-05-02T16:09:00-05:00"),
          must=(("16:09", "4:09"),)),
    asked(ONE, "Our call is at 15:30 Denver time. What's that in Dublin?", (INSERT, CLOCK, SHIFT),
          (SHIFT, {"hhmm": "15:30", "from_city": "Denver", "to_city": "Dublin"}, "22:30"),
          must=(("22:30", "10:30"),)),
    asked(ONE, "Countdown of 7 minutes please, starting now", (ALARM, TIMER),
          (TIMER, {"minutes": 7}, '{"timer": 3, "ends_at": "08:21:40"}'),
          must=(("7", "seven", "8:21"),)),
    asked(ONE, "How many days lie between 2026-01-09 and 2026-06-30?", (WEEKDAY, GAP, ADD_DATE),
          (GAP, {"first": "2026-01-09", "second": "2026-06-30"}, "172"), must=("172",)),
    asked(ONE, "The warranty started on 2025-11-20 and runs 18 months. When does it end?",
          (GAP, ADD_DATE),
          (ADD_DATE, {"date": "2025-11-20", "amount": 18, "unit": "months"},
           '{"result": "2027-05-20"}'),
          must=(("2027-05-20", "May 20", "20 May", "20th of May"),)),
    asked(ONE, "was 1987-10-19 really a monday?", (WEEKDAY,),
          (WEEKDAY, {"date": "1987-10-19"}, "Monday"), must=("Monday",)),
    # Calendar, reminders and notes
    asked(ONE, 'Put "Dentist" into my calendar for 2026-09-03, starting at 08:45.',
          (AGENDA, INSERT, NUDGE),
          (INSERT, {"title": ("Dentist", "dentist"), "date": "2026-09-03", "start": "08:45"},
           '{"status": "created", "id": "ev_5512"}'),
          must=("dentist",)),
    asked(ONE, "What have I got on April 17, 2026?", (AGENDA, DROP_EVENT, INSERT),
          (AGENDA, {"date": "2026-04-17"},
           '[{"start": "10:00", "title": "Budget review"}, {"start": "16:15", "title": "Yoga"}]'),
          must=("budget review", "yoga")),
    asked(ONE, "Event ev_9041 isn't happening any more, take it off my calendar",
          (AGENDA, DROP_EVENT),
          (DROP_EVENT, {"event_id": "ev_9041"}, '{"deleted": true}'),
          must=(("deleted", "removed", "off", "cancel", "gone"),)),
    asked(ONE, "I need 45 minutes with Thandiwe on 2026-03-11, when is she free?",
          (PHONEBOOK, SLOT, INSERT, AGENDA),
          (SLOT, {"person": "Thandiwe", "date": "2026-03-11", "duration_min": 45},
           '{"from": "13:15", "to": "14:00"}'),
          must=(("13:15", "1:15"),)),
    asked(ONE, "remind me at 5:20 pm: pick up the dry cleaning", (TIMER, NUDGE),
          (NUDGE, {"message": ("pick up the dry cleaning", "Pick up the dry cleaning"),
                   "at": "17:20"}, "ok, nudge #12 scheduled"),
          must=(("17:20", "5:20"),)),
    asked(ONE, "Wake me at 05:50, every single day.", (TIMER, NUDGE, ALARM),
          (ALARM, {"time": ("05:50", "5:50"), "repeat_daily": True},
           '{"alarm": "05:50", "repeats": "daily"}'),
          must=("5:50",)),
    asked(ONE, "we're out of oat milk, stick it on the groceries list", (TODO, TODOS, DONE),
          (TODO, {"list_name": "groceries", "item": ("oat milk", "Oat milk")},
           '{"list": "groceries", "items": 9}'),
          must=("oat milk",)),
    asked(ONE, "Tick off task 318, I did it this morning", (TODO, DONE),
          (DONE, {"task_id": 318}, '{"task_id": 318, "title": "Renew passport", "done": true}'),
          must=(("318", "passport"),)),
    asked(ONE, "Which things are still on my packing list?", (TODO, TODOS),
          (TODOS, {"list_name": ("packing", "packing list")}, '["charger", "rain coat", "torch"]'),
          must=("charger", "rain coat", "torch")),
    asked(ONE, 'New note, heading "Wifi cabin", body "password is moose-4471"',
          (JOT, DROP_NOTE, NOTEBOOK),
          (JOT, {"heading": "Wifi cabin", "body": "password is moose-4471"},
           '{"note_id": "n-207"}'),
          must=(("saved", "note", "n-207"),)),
    asked(ONE, "I wrote down something about boiler pressure once. Can you find it?", (NOTEBOOK,),
          (NOTEBOOK, {"phrase": "boiler pressure"},
           '[{"id": "n-88", "text": "boiler pressure should be 1.4 bar, top up in October"}]'),
          must=(("1.4", "1,4"),)),
    asked(ONE, "bin note n-1093", (TRASH, DROP_NOTE),
          (DROP_NOTE, {"note_id": "n-1093"}, "removed"),
          must=(("removed", "deleted", "gone", "binned"),)),
    # Mail and messages
    asked(ONE, 'Mail ines.prado@lumo.pt with the subject "Keys" and the text '
          '"They are under the blue pot."', (SMS, MAIL),
          (MAIL, {"recipient": "ines.prado@lumo.pt", "subject": "Keys",
                  "text": "They are under the blue pot."}, '{"queued": true, "id": "m-7714"}'),
          must=(("sent", "queued", "mail"),)),
    asked(ONE, "Anything I haven't read yet from billing@hostwerk.de?", (OPEN_MAIL, MAIL, INBOX),
          (INBOX, {"sender": "billing@hostwerk.de", "unread_only": True},
           '[{"id": "a81", "subject": "Invoice 2026-0412 overdue"}]'),
          must=(("2026-0412", "overdue"),)),
    asked(ONE, "What does message c40f say", (INBOX, OPEN_MAIL),
          (OPEN_MAIL, {"message_id": "c40f"},
           "Hi, the plumber comes on Thursday between nine and ten. Jo"),
          must=("plumber", "thursday")),
    asked(ONE, "how full is my inbox? i mean unread ones", (MAIL, UNREAD, INBOX),
          (UNREAD, {}, "46"), must=("46",)),
    asked(ONE, 'Text +4479460018 "running ten minutes late"', (PHONEBOOK, SMS),
          (SMS, {"phoneNumber": "+4479460018", "content": "running ten minutes late"},
           '{"status": "delivered"}'),
          must=(("sent", "delivered"),)),
    asked(ONE, 'Let #backend know: "staging is frozen until noon"', (MAIL, SMS, CHANNEL),
          (CHANNEL, {"channel": ("backend", "#backend"), "text": "staging is frozen until noon"},
           '{"ok": true, "ts": 1771.22}'),
          must=(("backend", "posted", "sent"),)),
    # Files, shell, Python and sums
    asked(ONE, "any whole number from 300 to 400, surprise me", (RANDOM, DICE, PICK),
          (RANDOM, {"low": 300, "high": 400}, "371"), must=("371",)),
    asked(ONE, 'Create todo.txt containing "call the landlord"', (TRASH, WRITE, READ),
          (WRITE, {"path": ("todo.txt", "./todo.txt"), "contents": "call the landlord"},
           '{"bytes_written": 17}'),
          must=("todo.txt",)),
    asked(ONE, "What's in ~/invoices? Include the hidden files, please.", (SIZE, FOLDER, READ),
          (FOLDER, {"folder": ("~/invoices", "~/invoices/"), "show_hidden": True},
           '[".lock", "march.pdf", "april.pdf"]'),
          must=(".lock", "march.pdf", "april.pdf")),
    asked(ONE, "rename report_v2.docx to report_final.docx", (TRASH, MOVE, WRITE),
          (MOVE, {"source": "report_v2.docx", "target": "report_final.docx"}, "moved 1 file"),
          must=("report_final.docx",)),
    asked(ONE, "Where under src/payments do we mention retry_limit?", (FOLDER, READ, GREP),
          (GREP, {"pattern": "retry_limit", "directory": ("src/payments", "src/payments/")},
           "src/payments/client.py:48: retry_limit = 6"),
          must=("client.py",)),
    asked(ONE, "get rid of old_backup.tar", (SIZE, TRASH, MOVE),
          (TRASH, {"path": "old_backup.tar"}, '{"trashed": "old_backup.tar"}'),
          must=("old_backup.tar",)),
    asked(ONE, "How much space does /var/log take up?", (SIZE, FOLDER),
          (SIZE, {"directory": ("/var/log", "/var/log/")},
           '{"bytes": 3328599654, "human": "3.1G"}'),
          must=(("3.1", "3,1", "3328599654"),)),
    asked(ONE, "Run `git rev-parse --short HEAD` and tell me what comes out", (REPL, BASH),
          (BASH, {"cmd": "git rev-parse --short HEAD"}, "e19b07c\n"), must=("e19b07c",)),
    asked(ONE, "execute this python: print(len('hippopotamus') * 3)", (BASH, MATHS, REPL),
          (REPL, {"code": "print(len('hippopotamus') * 3)"}, "36\n"), must=("36",)),
    asked(ONE, "What is (18.5+3)*4?", (MATHS,),
          (MATHS, {"expr": ("(18.5+3)*4", "(18.5 + 3) * 4")}, "86.0"), must=("86",)),
    asked(ONE, "1375 minus 488, please", (BINARY, ROOT),
          (BINARY, {"left": 1375, "op": "minus", "right": 488}, '{"value": 887}'), must=("887",)),
    asked(ONE, "whats the square root of 5329", (PERCENT, BINARY, ROOT),
          (ROOT, {"x": 5329}, "73.0"), must=("73",)),
    asked(ONE, "The agent takes 6.5 percent of 240000. How much is that?", (FX, PERCENT),
          (PERCENT, {"percent": 6.5, "whole": 240000}, '{"result": 15600}'),
          must=(("15600", "15,600", "15 600", "15.600"),)),
    asked(ONE, "Add these up for me: 12.4, 8, 31, 0.6", (PERCENT, SUM, BINARY, ROOT),
          (SUM, {"numbers": [12.4, 8, 31, 0.6]}, "52.0"), must=("52",)),
    # Units, money and markets
    asked(ONE, "How many km are 26 mi?", (DISTANCE, MASS, LENGTH),
          (LENGTH, {"value": 26, "from_unit": "mi", "to_unit": "km"}, "41.84"),
          must=(("41.84", "41,84", "41.8"),)),
    asked(ONE, "The oven says 190 celsius but my recipe is American...", (RECIPE, FAHRENHEIT),
          (FAHRENHEIT, {"celsius": 190}, '{"fahrenheit": 374}'), must=("374",)),
    asked(ONE, "suitcase weighs 23 kilos, how much is that in pounds", (LENGTH, MASS, FX),
          (MASS, {"value": 23, "from_unit": "kg", "to_unit": "lb"}, "50.71"),
          must=(("50.7", "50,7"),)),
    asked(ONE, "What would 850 CHF be in SEK today?", (FX, TICKER),
          (FX, {"amount": 850, "base": "CHF", "quote": "SEK"},
           '{"rate": 11.62, "converted": 9877.0}'),
          must=(("9877", "9,877", "9 877", "9.877"),)),
    asked(ONE, "NVDA?", (TICKER,),
          (TICKER, {"ticker": "NVDA"}, '{"symbol": "NVDA", "last": 142.87, "currency": "USD"}'),
          must=(("142.87", "142,87"),)),
    asked(ONE, "How did SHOP close over the last 3 days?", (TRADE, HISTORY, TICKER),
          (HISTORY, {"ticker": "SHOP", "days": 3}, "[71.2, 70.45, 74.9]"),
          must=("71.2", "70.45", "74.9")),
    asked(ONE, "is litecoin up? what does one cost now", (NEWS, TICKER, COIN_PRICE, FX),
          (COIN_PRICE, {"coin": ("litecoin", "Litecoin")}, '{"usd": 93.18, "change_24h": 1.7}'),
          must=("93.18",)),
    asked(ONE, "Sell 15 shares of KO for me", (TICKER, TRADE),
          (TRADE, {"ticker": "KO", "side": "sell", "shares": 15},
           '{"order": "T-6620", "filled_at": 61.05}'),
          must=(("61.05", "T-6620", "15"),)),
    # Search, news and words
    asked(ONE, 'Search the web for "quiet mechanical keyboards"', (PEDIA, DEFINE, WEB),
          (WEB, {"q": "quiet mechanical keyboards"},
           '[{"title": "Nine silent switches compared", "url": "https://keys.example/silent"}]'),
          must=(("silent switches", "keys.example"),)),
    asked(ONE, "Tell me in short who Hedy Lamarr was", (NEWS, PEDIA),
          (PEDIA, {"topic": "Hedy Lamarr"},
           "Hedy Lamarr was an Austrian-born actress and inventor of a radio guidance system."),
          must=("actress", "inventor")),
    asked(ONE, "Two science headlines for breakfast, please", (WEB, NEWS),
          (NEWS, {"category": "science", "count": 2},
           '["Comet grows a second tail", "Octopus seen farming mussels"]'),
          must=("comet", "octopus")),
    asked(ONE, 'How do you say "where is the station" in Hungarian?', (DETECT, TRANSLATE),
          (TRANSLATE, {"phrase": ("where is the station", "Where is the station",
                                  "where is the station?", "Where is the station?"),
                       "into": ("Hungarian", "hungarian")}, "hol van az állomás"),
          must=("hol van az",)),
    asked(ONE, 'What language is this in: "hyvää huomenta kaikille"', (TRANSLATE, DEFINE, DETECT),
          (DETECT, {"snippet": "hyvää huomenta kaikille"},
           '{"language": "Finnish", "confidence": 0.98}'),
          must=("finnish",)),
    asked(ONE, "look up petrichor in the dictionary", (DEFINE, PEDIA, WEB),
          (DEFINE, {"word": "petrichor"}, "noun: the smell of rain on dry ground"),
          must=("rain",)),
    # Orders, tickets and databases
    asked(ONE, "Hi! My order 88-41706 should have come yesterday, where is it??",
          (TRACK, VOID, RETURN),
          (TRACK, {"order_no": "88-41706"},
           '{"order": {"no": "88-41706", "state": "held at customs", "eta": "2026-02-19"}}'),
          must=("customs",)),
    asked(ONE, "please cancel 70-22915, i changed my mind", (STOCK, TRACK, VOID),
          (VOID, {"order_no": "70-22915", "reason": "changed_mind"},
           '{"cancelled": true, "refund_eur": 39.9}'),
          must=(("cancelled", "canceled", "39.9"),)),
    asked(ONE, "I want to send back 2 of article LMP-40 from order 61-00834.",
          (RAISE, RETURN, VOID, TRACK, STOCK),
          (RETURN, {"order_no": "61-00834", "sku": "LMP-40", "quantity": 2},
           '{"return_label": "RL-5590"}'),
          must=("RL-5590",)),
    asked(ONE, "have we still got CHR-218-OAK", (STOCK, TRACK),
          (STOCK, {"sku": "CHR-218-OAK"}, '{"sku": "CHR-218-OAK", "available": 13}'),
          must=("13",)),
    asked(ONE, 'Open an urgent ticket for omar@tindra.io, summary "login page is blank".',
          (TICKET, ASSIGN, RAISE),
          (RAISE, {"customer_email": "omar@tindra.io", "summary": "login page is blank",
                   "severity": "urgent"}, '{"key": "SUP-3381"}'),
          must=("SUP-3381",)),
    asked(ONE, "the last 2 transactions on NL-5548, what were they?", (SPENDING, WIRE, BALANCE),
          (SPENDING, {"account": "NL-5548", "limit": 2},
           '[{"to": "Rewe", "eur": -31.15}, {"to": "City of Delft", "eur": -112.0}]'),
          must=("31.15", "112")),
    asked(ONE, "Give ticket HELP-1120 to mkowalski", (PROFILE, TICKET, ASSIGN),
          (ASSIGN, {"ticket": "HELP-1120", "agent": "mkowalski"}, "assigned"),
          must=(("mkowalski", "HELP-1120"),)),
    asked(ONE, "Run SELECT MAX(total) FROM invoices on the shop db", (ROWS, SQL, TABLE),
          (SQL, {"statement": ("SELECT MAX(total) FROM invoices",
                               "SELECT MAX(total) FROM invoices;")}, '[{"max": 8420.5}]'),
          must=(("8420.5", "8,420.5"),)),
    asked(ONE, "which columns does the shipments table have?", (ROWS, TABLE),
          (TABLE, {"table": "shipments"},
           '{"id": "bigint", "carrier": "text", "left_at": "timestamp"}'),
          must=("carrier", "left_at")),
    asked(ONE, "I can't decide. Skiing, sailing or knitting? Choose for me at random.",
          (PICK, RANDOM, TOSS),
          (PICK, {"options": (["Skiing", "sailing", "knitting"], ["skiing", "sailing", "knitting"],
                              ["Skiing", "Sailing", "Knitting"])}, '"knitting"'),
          must=("knitting",)),
    # Maps and travel
    asked(ONE, "How do I get from Alexanderplatz to Tempelhofer Feld by bike?", (ROUTE, GEOCODE),
          (ROUTE, {"origin": "Alexanderplatz", "destination": "Tempelhofer Feld",
                   "mode": "bike"},
           '{"km": 6.3, "minutes": 24, "via": "Oranienstrasse"}'),
          must=(("24", "6.3", "Oranienstrasse"),)),
    asked(ONE, "coordinates of 14 Quay Street Galway", (NEARBY, DISTANCE, GEOCODE),
          (GEOCODE, {"address": ("14 Quay Street Galway", "14 Quay Street, Galway")},
           '{"lat": 53.2714, "lon": -9.0539}'),
          must=("53.27", "9.05")),
    asked(ONE, "I've got a headache and I'm at Gare de Lyon. Is there a pharmacy?",
          (NEARBY, ROUTE),
          (NEARBY, {"category": "pharmacy", "around": "Gare de Lyon"},
           '[{"name": "Pharmacie Diderot", "meters": 210}]'),
          must=("diderot",)),
    asked(ONE, "How far apart are Perth and Jakarta?", (DISTANCE, FLIGHTS),
          (DISTANCE, {"city_a": "Perth", "city_b": "Jakarta"}, '{"km": 3011}'),
          must=(("3011", "3,011", "3 011", "3.011"),)),
    asked(ONE, "flights OSL to BCN on 2026-07-05", (SEAT, FLIGHTS, FLIGHT),
          (FLIGHTS, {"from_airport": "OSL", "to_airport": "BCN", "date": "2026-07-05"},
           '[{"flight": "DY1740", "departs": "06:35", "eur": 129}]'),
          must=("DY1740",)),
    asked(ONE, "My sister lands with TK1985, is she on time?", (CLOCK, FLIGHT),
          (FLIGHT, {"flightNumber": "TK1985"}, '{"status": "delayed", "delay_minutes": 55}'),
          must=(("delayed", "55"),)),
    asked(ONE, "Get Ruth Okafor a business seat on LH452", (HOTEL, FLIGHT, SEAT),
          (SEAT, {"flight_number": "LH452", "passenger": "Ruth Okafor", "cabin": "business"},
           '{"pnr": "QX7LMA", "seat": "4D"}'),
          must=(("QX7LMA", "4D"),)),
    asked(ONE, "There are 3 of us and we need 2 nights in Porto from 2026-10-23, any hotels?",
          (FLIGHTS, HOTEL, EATING, HOTELS),
          (HOTELS, {"city": "Porto", "check_in": "2026-10-23", "nights": 2, "guests": 3},
           '{"hotels": [{"id": 415, "name": "Casa da Ribeira", "eur": 96}]}'),
          must=("casa da ribeira",)),
    asked(ONE, "Add Harvest Moon to my roadtrip playlist", (QUEUE, VOLUME, PLAY, PAUSE),
          (QUEUE, {"playlist": ("roadtrip", "roadtrip playlist"), "song": "Harvest Moon"},
           '{"playlist": "roadtrip", "tracks": 41}'),
          must=("harvest moon",)),
    # Music, home, people and money
    asked(ONE, "play Dreams by Fleetwood Mac", (PAUSE, VOLUME, PLAY),
          (PLAY, {"song": "Dreams", "artist": "Fleetwood Mac"}, '{"now_playing": "Dreams"}'),
          must=("dreams",)),
    asked(ONE, "Too loud! Down to 20 percent.", (PLAY, DIM, PAUSE, VOLUME),
          (VOLUME, {"percent": 20}, '{"volume": 20}'), must=("20",)),
    asked(ONE, "I forgot to switch off the light in the garage", (DIM, LOCK, LIGHT),
          (LIGHT, {"room": ("garage", "Garage", "the garage"), "state": "off"},
           '{"garage": "off"}'),
          must=("off",)),
    asked(ONE, "it's chilly, heat the nursery to 21.5", (ROOM_TEMP, HEAT),
          (HEAT, {"room": ("nursery", "Nursery", "the nursery"), "celsius": 21.5},
           '{"room": "nursery", "target": 21.5}'),
          must=(("21.5", "21,5"),)),
    asked(ONE, "Transfer 62.40 from NL-3310 to NL-7782", (WIRE, BALANCE, SPENDING),
          (WIRE, {"from_account": "NL-3310", "to_account": "NL-7782", "amount": 62.4},
           '{"transfer_id": "W-90213", "status": "booked"}'),
          must=(("62.4", "62,4", "W-90213"),)),
    # Two calls
    asked(TWO, "Which is warmer at the moment, Split or Bari?", (OUTLOOK, WEATHER),
          (WEATHER, {"location": "Split"}, '{"temp_c": 27, "sky": "clear"}'),
          (WEATHER, {"location": "Bari"}, '{"temp_c": 24, "sky": "clear"}'),
          must=("Split",)),
    asked(TWO, 'Find Marisol\'s number and text her "the table is at eight"',
          (MAIL, SMS, PHONEBOOK),
          (PHONEBOOK, {"name": "Marisol"}, '{"name": "Marisol Vega", "phone": "+34611208845"}'),
          (SMS, {"phoneNumber": "+34611208845", "content": "the table is at eight"},
           '{"status": "delivered"}'),
          must=("marisol",)),
    asked(TWO, "open the newest unread mail from hr@calyx.org and tell me what they want",
          (INBOX, OPEN_MAIL),
          (INBOX, {"sender": "hr@calyx.org", "unread_only": True},
           '[{"id": "f72", "subject": "Please sign"}]'),
          (OPEN_MAIL, {"message_id": "f72"}, "Please sign the new contract before Friday."),
          must=("contract",)),
    asked(TWO, "Turn off the light in the study and lock the back door.", (LOCK, HEAT, LIGHT),
          (LIGHT, {"room": ("study", "Study", "the study"), "state": "off"}, '{"study": "off"}'),
          (LOCK, {"door": ("back", "back door", "Back door", "the back door"), "locked": True},
           '{"locked": true}'),
          must=("lock", ("off", "study"))),
    asked(TWO, "What are 500 USD in JPY, and in PLN?", (FX,),
          (FX, {"amount": 500, "base": "USD", "quote": "JPY"}, "74350"),
          (FX, {"amount": 500, "base": "USD", "quote": "PLN"}, "1985"),
          must=(("74350", "74,350", "74 350"), ("1985", "1,985", "1 985"))),
    asked(TWO, "Who owns ticket SUP-77, and what is that person's full name on the platform?",
          (TICKET, ASSIGN, PROFILE),
          (TICKET, {"ticket": "SUP-77"}, '{"key": "SUP-77", "owner": "dlindqvist"}'),
          (PROFILE, {"username": "dlindqvist"}, '{"full_name": "Dagny Lindqvist", "team": "web"}'),
          must=("Dagny Lindqvist",)),
    asked(TWO, "Look for a Thai place in Ghent and book it for 4 people at 19:45",
          (DINNER, EATING),
          (EATING, {"town": "Ghent", "cuisine": ("Thai", "thai")}, '[{"name": "Lotus Garden"}]'),
          (DINNER, {"restaurant": "Lotus Garden", "party_size": 4, "time": "19:45"},
           '{"confirmed": true, "code": "LG-31"}'),
          must=("lotus garden",)),
    asked(TWO, "compare AMD and INTC for me, just the last price", (TICKER, HISTORY),
          (TICKER, {"ticker": "AMD"}, '{"last": 168.3}'),
          (TICKER, {"ticker": "INTC"}, '{"last": 34.75}'), must=("168.3", "34.75")),
    asked(TWO, "list what is in /srv/drop, there is just one file in it; show me its contents",
          (READ, FOLDER, TRASH),
          (FOLDER, {"folder": ("/srv/drop", "/srv/drop/")}, '["/srv/drop/handover.txt"]'),
          (READ, {"path": "/srv/drop/handover.txt"}, "The spare badge is in locker 58."),
          must=("58",)),
    asked(TWO, "Roll 2 dice with 20 sides each, then toss a coin", (DICE, TOSS, RANDOM),
          (DICE, {"count": 2, "sides": 20}, "[8, 17]"), (TOSS, {}, "tails"),
          must=("8", "17", "tails")),
    # Errors
    asked(ERROR, "Fetch me the profile of jonatan_w", (PROFILE, RESET),
          (PROFILE, {"username": "jonatan_w"},
           '{"error": "no such user jonatan_w, did you mean jonathan_w?"}'),
          (PROFILE, {"username": "jonathan_w"}, '{"full_name": "Jonathan Weiss", "posts": 214}'),
          must=("Jonathan Weiss",)),
    asked(ERROR, "print settings.yml please", (READ, GREP),
          (READ, {"path": "settings.yml"}, "Error: settings.yml not found. Similar: settings.yaml"),
          (READ, {"path": "settings.yaml"}, "port: 8099\n"), must=("8099",)),
    asked(ERROR, "How many rows has the customer table?", (ROWS, SQL, TABLE),
          (ROWS, {"table": "customer"},
           '{"error": "relation customer does not exist, perhaps you meant customers"}'),
          (ROWS, {"table": "customers"}, "5164"), must=(("5164", "5,164"),)),
    asked(ERROR, "what's the air like in Bangalore", (AIR, WEATHER),
          (AIR, {"cityName": "Bangalore"},
           '{"ok": false, "error": "unknown city Bangalore, use Bengaluru"}'),
          (AIR, {"cityName": "Bengaluru"}, '{"aqi": 88}'), must=("88",)),
    asked(ERROR, "what's on account DE-2204?", (BALANCE, WIRE),
          (BALANCE, {"account": "DE-2204"}, '{"error": "account DE-2204 was closed in 2024"}'),
          must=("closed",)),
    asked(ERROR, "Add Nadia Haddad, 0171 5550923, to my contacts", (PHONE_ADD, PHONEBOOK),
          (PHONE_ADD, {"name": "Nadia Haddad", "phone": ("0171 5550923", "01715550923")},
           '{"error": "the address book is read-only on this device"}'),
          must=(("read-only", "read only"),)),
    # No tool fits
    asked(NO_TOOL, "Order me a large pepperoni pizza", (CLOCK, WEATHER), must=(CANNOT,)),
    asked(NO_TOOL, "can you translate this PDF into Danish", (PLAY, HEAT, LIGHT), must=(CANNOT,)),
    asked(NO_TOOL, "Book me a flight to Athens for tomorrow morning.", (TABLE, SQL, ROWS),
          must=(CANNOT,)),
    asked(NO_TOOL, "What's the share price of Siemens?", (RECIPE, COOK), must=(CANNOT,)),
    asked(NO_TOOL, "send 30 euros to my brother", (READ, TRASH, GREP, MOVE), must=(CANNOT,)),
    # An argument is missing
    asked(MISSING, "Is it raining?", (WEATHER,),
          must=(("where", "which", "city", "location", "place", "town"),)),
    asked(MISSING, "Set an alarm for me please", (ALARM, TIMER),
          must=(("time", "when", "what hour"),)),
    asked(MISSING, "I'd like to know where my order is", (TRACK, VOID),
          must=(("order number", "which order", "number", "order_no", "order no"),)),
    asked(MISSING, "can you send a reset link to a colleague of mine", (RESET, PROFILE),
          must=(("email", "e-mail", "address", "which", "who"),)),
    asked(MISSING, "Pick a random number!", (PICK, RANDOM),
          must=(("between", "range", "which", "limits"),)),
    # Small talk
    asked(CHAT, "thanks a lot, that was all for today", (MAIL, AGENDA, NUDGE),
          must=(("welcome", "glad", "happy", "pleasure", "anytime", "any time", "nice",
                 "good", "great", "help"),)),
    asked(CHAT, "Good morning! How are you doing?", (WEATHER, CLOCK),
          must=(("morning", "hello", "hi", "well", "good", "fine", "great", "help"),)),
    asked(CHAT, "hey there", (TRACK, RAISE, RETURN),
          must=(("hi", "hey", "hello", "help"),)),
    asked(CHAT, "Ha, you are funnier than my last assistant", (PLAY,),
          must=(("thank", "glad", "happy", "ha", "help", "nice", "kind", "good"),)),
)  # fmt: skip

CASES: tuple[Case, ...] = tuple(replace(case, near=True) for case in _CASES)
