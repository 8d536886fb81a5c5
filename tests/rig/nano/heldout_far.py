"""What do people ask of tools that the generator does not know? Never trained on."""

from __future__ import annotations

from typing import Any

from tests.rig.nano.cases import Case, Offered, tool

RESTART = tool("restart_service", "Restart a service on a host", "service: str", "host: str Host")
UPTIME = tool("get_uptime", "Uptime of a host", "host: str Host name")
SCALE = tool("scale_deployment", "Set the replicas of a deployment", "name: str", "replicas: int")
ROLLBACK = tool("rollback_release", "Go back to an older release", "app: str", "version: str")
PODS = tool("list_pods", "Pods of a namespace", "namespace: str", "status?: Running|Failed|Pending")
CLOSE = tool("close_ticket", "Close a support ticket", "ticket_id: int Number", "reason?: str Why")
LEAVE = tool(
    "request_leave", "Ask for days off", "employee: str Who", "start: str First day",
    "end: str Last day",
)  # fmt: skip
SALARY = tool("lookup_salary_band", "Salary range of a job grade", "grade: str Grade such as E4")
DOSE = tool("max_dose", "Highest daily dose of a drug", "drug: str Name", "weight_kg: num Weight")
VITALS = tool("record_vitals", "Write down a patient's pulse", "patient_id: str", "pulse: int bpm")
BMI = tool("body_mass_index", "BMI of a person", "weight_kg: num", "height_m: num")
SOIL = tool("soil_moisture", "Moisture of the soil in a field", "field: str Name of the field")
IRRIGATE = tool("irrigate", "Water a field", "field: str", "liters: num How much water")
FEED = tool("feed_schedule", "When an animal is fed", "animal: str")
SHIP = tool("vessel_position", "Where a ship is", "vessel: str Name of the ship")
DOCK = tool("assign_dock", "Give a truck a dock", "truck: str Licence plate", "dock: int Number")
STOCKED = tool("stock_level", "How many of an article lie in a warehouse", "sku: str Article",
               "warehouse?: str Which one")  # fmt: skip
PLAYER = tool("player_stats", "Statistics of a player", "player: str", "season?: int Year")
SCORE = tool("match_result", "Result of a match", "home: str Home team", "away: str Away team")
CHESS = tool("evaluate_position", "Judge a chess position", "fen: str The position")
CHORDS = tool("get_chords", "Chords of a song", "song: str", "key?: str Musical key")
TUNE = tool("transpose", "Transpose a note", "note: str Note", "semitones: int Up or down")
ELEMENT = tool("element_info", "Facts on a chemical element", "symbol: str Symbol such as Fe")
MOLAR = tool("molar_mass", "Molar mass of a compound", "formula: str Chemical formula")
PLANET = tool("planet_distance", "Distance of a planet from the sun", "planet: str")
ISS = tool("next_pass", "When the space station is seen next", "latitude: num", "longitude: num")
LOAN = tool("loan_book", "Lend a book to a member", "isbn: str ISBN", "member: str Member's name")
SHELF = tool("find_shelf", "Which shelf a book stands on", "title: str Title of the book")
STATUTE = tool("get_statute", "Text of a paragraph of a law", "law: str Law", "section: int")
TRADEMARK = tool("check_trademark", "Whether a name is a trademark", "name: str")
GRADE = tool("grade_essay", "Grade an essay", "essay_id: str", "scale?: letters|points")
ENROLL = tool("enroll_student", "Put a student into a course", "student: str", "course: str Code")
RENT = tool("estimate_rent", "Estimate the rent of a flat", "square_meters: num", "district: str")
VIEWING = tool("schedule_viewing", "Show a flat to somebody", "listing_id: int", "visitor: str")
VALVE = tool("set_valve", "Open or close a valve", "valve: str", "position: open|closed")
SENSOR = tool("read_sensor", "Value of a sensor", "sensor_id: str")
DRONE = tool("fly_to", "Send the drone somewhere", "latitude: num", "longitude: num",
             "altitude?: num Meters")  # fmt: skip
PRINTER = tool("print_job", "Print a document", "document: str File", "copies: int How many",
               "color?: bool")  # fmt: skip
DNS = tool("resolve_host", "IP address of a host name", "hostname: str")
WHOIS = tool("domain_owner", "Who owns a domain", "domain: str")
HASH = tool("hash_text", "Hash of a text", "text: str", "algorithm: md5|sha1|sha256")
PASSWORD = tool("make_password", "Make up a password", "length: int How long")
QR = tool("make_qr", "Make a QR code", "data: str What it holds", "size?: int Pixels")
COLOR = tool("mix_colors", "Mix two colours", "first: str", "second: str")
CALORIES = tool("calories_of", "Calories of a food", "food: str", "grams?: num")
WINE = tool("pair_wine", "A wine that goes with a dish", "dish: str")
TIDE = tool("tide_times", "Tides of a harbour on a day", "harbour: str", "date: str")
PARKING = tool("free_parking", "Free places in a car park", "car_park: str")
CHARGER = tool("nearest_charger", "Charging point near a place", "place: str", "plug?: str Type")
BUS = tool("next_bus", "Next bus of a line from a stop", "line: str Line", "stop: str Stop")
TRAIN = tool("list_departures", "Departures of a station", "station: str", "after: str HH:MM")
TAXI = tool("estimate_taxi_fare", "Price of a ride", "pickup: str From", "dropoff: str To")
VOTE = tool("cast_vote", "Vote in a poll", "poll_id: str", "option: str")
INVOICE = tool("create_invoice", "Make out an invoice", "customer: str", "amount: num EUR")
REFUND = tool("refund_payment", "Pay money back", "payment_id: str", "amount: num")
COUPON = tool("apply_coupon", "Put a coupon on a cart", "cart_id: str", "code: str")
LAPTOPS = tool("search_products", "Search the shop", "query: str", "max_price?: num", "limit?: int")
MERGE = tool("merge_pull_request", "Merge a pull request", "repo: str owner/name", "number: int")
LABEL = tool("label_issue", "Label an issue", "number: int", "labels: [str] The labels")
BUILD = tool("trigger_build", "Start a build", "branch: str", "clean?: bool From scratch")
FLAG = tool("set_feature_flag", "Switch a feature", "flag: str Name", "enabled: bool")
METRIC = tool("query_metric", "Last value of a metric", "metric: str", "minutes: int Window")
ALERT = tool("silence_alert", "Silence an alert", "alert: str", "hours: int How long")
MEAN = tool("mean", "Mean of numbers", "values: [num]")
PRIME = tool("is_prime", "Whether a number is prime", "n: int")
ROMAN = tool("to_roman", "A number in Roman numerals", "number: int")
MORSE = tool("to_morse", "A text in Morse code", "text: str")
PAINT = tool("paint_needed", "Liters of paint for a wall", "width: num", "height: num")
TIP = tool("split_bill", "Split a bill", "total: num The bill", "people: int", "tip_percent?: num")
HERO = tool("create_character", "Make a character", "name: str", "class: wizard|rogue|knight",
            "level?: int")  # fmt: skip
POTION = tool("brew_potion", "Brew a potion", "ingredients: [str]")
PET = tool("register_pet", "Register a pet", "name: str", "species: str", "age?: int Years")
GENE = tool("gene_location", "Chromosome of a gene", "gene: str Gene symbol")
QUAKE = tool("recent_quakes", "Earthquakes in a region", "region: str", "min_magnitude?: num")
PEAK = tool("summit_height", "Height of a mountain", "mountain: str")
RIVER = tool("river_length", "Length of a river", "river: str")
SUBTITLE = tool("get_subtitles", "Subtitles of a film", "film: str", "language: str")
PODCAST = tool("latest_episode", "Newest episode of a podcast", "podcast: str")


def one(
    kind: str, ask: str, tools: tuple[Offered, ...], args: dict[str, Any], result: str, *must: Any
) -> Case:
    """A case of one call, of the first of the tools."""
    return Case(kind, ask, tools, ((tools[0].name, args),), (result,), must)


CASES = (
    one("ops", "Please restart postgres on db-07.", (RESTART, UPTIME),
        {"service": "postgres", "host": "db-07"}, '{"status": "restarted"}', "restarted"),
    one("ops", "How long has cache-eu-2 been up?", (UPTIME, RESTART), {"host": "cache-eu-2"},
        '{"uptime_days": 41}', "41"),
    one("ops", "Scale the deployment checkout to 6 replicas", (SCALE, PODS),
        {"name": "checkout", "replicas": 6}, "scaled", ("scaled", "6")),
    one("ops", "Roll billing back to v2.3.1", (ROLLBACK, SCALE),
        {"app": "billing", "version": "v2.3.1"}, '{"now": "v2.3.1"}', "v2.3.1"),
    one("ops", "Which pods failed in the namespace staging?", (PODS,),
        {"namespace": "staging", "status": "Failed"}, '["api-7f9"]', "api-7f9"),
    one("ops", "Trigger a build of the branch release-4", (BUILD, MERGE), {"branch": "release-4"},
        '{"build": 5521}', "5521"),
    one("ops", "Turn the feature flag dark-mode on", (FLAG,),
        {"flag": "dark-mode", "enabled": True}, "ok", ("dark-mode", "ok")),
    one("ops", "What was cpu_load over the last 15 minutes?", (METRIC, ALERT),
        {"metric": "cpu_load", "minutes": 15}, "0.82", "0.82"),
    one("ops", "Silence the alert disk_full for 4 hours", (ALERT, METRIC),
        {"alert": "disk_full", "hours": 4}, '{"until": "18:00"}', "18:00"),
    one("ops", "What's the IP of mail.example.org?", (DNS, WHOIS),
        {"hostname": "mail.example.org"}, "203.0.113.9", "203.0.113.9"),
    one("ops", "Who owns the domain toolbox.dev?", (WHOIS, DNS), {"domain": "toolbox.dev"},
        '{"owner": "Acme GmbH"}', "Acme GmbH"),
    one("code", "Merge pull request 812 in numpy/numpy", (MERGE, LABEL),
        {"repo": "numpy/numpy", "number": 812}, '{"merged": true}', ("merged", "true")),
    one("code", "Label issue 77 with bug and urgent", (LABEL,),
        {"number": 77, "labels": ["bug", "urgent"]}, "done", ("done", "77")),
    one("code", 'sha256 of the text "open sesame"', (HASH, PASSWORD),
        {"text": "open sesame", "algorithm": "sha256"}, "41ef4bb0b23661e6", "41ef4bb0b23661e6"),
    one("code", "I need a password of 20 characters", (PASSWORD, HASH), {"length": 20},
        "t7Kq-9Zpw", "t7Kq-9Zpw"),
    one("code", "Make a QR code for https://example.com/menu", (QR,),
        {"data": "https://example.com/menu"}, '{"file": "qr.png"}', "qr.png"),
    one("support", "Close ticket 4410", (CLOSE, LEAVE), {"ticket_id": 4410}, "closed",
        ("closed", "4410")),
    one("hr", "Request leave for Ines from 2025-08-04 to 2025-08-15", (LEAVE, SALARY),
        {"employee": "Ines", "start": "2025-08-04", "end": "2025-08-15"},
        '{"approved": false, "reason": "peak season"}', "peak season"),
    one("hr", "What's the salary band of grade E5?", (SALARY,), {"grade": "E5"},
        '{"min": 61000, "max": 78000}', "61000", "78000"),
    one("health", "How much ibuprofen may someone of 62 kg take a day?", (DOSE, BMI),
        {"drug": "ibuprofen", "weight_kg": 62}, '{"mg_per_day": 2400}', "2400"),
    one("health", "Record a pulse of 71 for patient P-1180", (VITALS,),
        {"patient_id": "P-1180", "pulse": 71}, "saved", ("saved", "P-1180", "71")),
    one("health", "What's the BMI of a person of 81 kg and 1.79 m?", (BMI, DOSE),
        {"weight_kg": 81, "height_m": 1.79}, "25.3", "25.3"),
    one("health", "How many calories are in 150 grams of hummus?", (CALORIES,),
        {"food": "hummus", "grams": 150}, '{"kcal": 249}', "249"),
    one("farm", "How dry is the soil in North Meadow?", (SOIL, IRRIGATE),
        {"field": "North Meadow"}, '{"moisture": "18%"}', "18"),
    one("farm", "Water the field Oakridge with 500 liters", (IRRIGATE, SOIL),
        {"field": "Oakridge", "liters": 500}, "started", ("started", "500")),
    one("farm", "When are the goats fed?", (FEED, SOIL), {"animal": ("goats", "the goats", "goat")},
        '["06:00", "17:00"]', "06:00", "17:00"),
    one("freight", "Where is the ship Ever Given?", (SHIP,), {"vessel": "Ever Given"},
        '{"lat": 30.0, "lon": 32.6}', "32.6"),
    one("freight", "Give truck B-XY 482 dock 12", (DOCK,), {"truck": "B-XY 482", "dock": 12},
        "assigned", ("assigned", "12")),
    one("freight", "How many of SKU 88-101-A do we have in Rotterdam?", (STOCKED,),
        {"sku": "88-101-A", "warehouse": "Rotterdam"}, '{"count": 340}', "340"),
    one("sport", "Show me the stats of Megan Rapinoe in 2019", (PLAYER, SCORE),
        {"player": "Megan Rapinoe", "season": 2019}, '{"goals": 6}', "6"),
    one("sport", "How did Ajax against Feyenoord end?", (SCORE, PLAYER),
        {"home": "Ajax", "away": "Feyenoord"}, "2:2", "2:2"),
    one("games", "Create a knight called Brunhilde", (HERO, POTION),
        {"name": "Brunhilde", "class": "knight"}, '{"id": 31}', "31"),
    one("games", "Brew a potion from nettle and moonstone", (POTION, HERO),
        {"ingredients": ["nettle", "moonstone"]}, "a sleeping draught", "sleeping draught"),
    one("games", "Evaluate the position 8/8/4k3/8/8/3QK3/8/8 w", (CHESS,),
        {"fen": "8/8/4k3/8/8/3QK3/8/8 w"}, '{"score": "mate in 7"}', "mate in 7"),
    one("music", "Chords of Wonderwall please", (CHORDS, TUNE), {"song": "Wonderwall"},
        '["Em7", "G", "Dsus4"]', "Em7", "Dsus4"),
    one("music", "Transpose F# by 3 semitones", (TUNE,), {"note": "F#", "semitones": 3}, "A", "A"),
    one("music", "What is the newest episode of Darknet Diaries?", (PODCAST,),
        {"podcast": "Darknet Diaries"}, '{"title": "The Vault", "minutes": 62}', "The Vault"),
    one("science", "Tell me about the element with the symbol W", (ELEMENT, MOLAR),
        {"symbol": "W"}, '{"name": "tungsten", "number": 74}', "tungsten", "74"),
    one("science", "What is the molar mass of C6H12O6?", (MOLAR, ELEMENT),
        {"formula": "C6H12O6"}, "180.16", "180.16"),
    one("science", "How far is Neptune from the sun?", (PLANET,), {"planet": "Neptune"},
        '{"au": 30.07}', "30.07"),
    one("science", "When does the space station pass 48.2, 16.4 next?", (ISS,),
        {"latitude": 48.2, "longitude": 16.4}, '{"at": "21:14"}', "21:14"),
    one("science", "Which chromosome is the gene BRCA2 on?", (GENE,), {"gene": "BRCA2"}, "13",
        "13"),
    one("science", "Any earthquakes in Hokkaido lately, above 4.5?", (QUAKE,),
        {"region": "Hokkaido", "min_magnitude": 4.5}, '[{"magnitude": 5.1, "day": "Monday"}]',
        "5.1"),
    one("science", "How high is Kilimanjaro?", (PEAK, RIVER), {"mountain": "Kilimanjaro"},
        '{"meters": 5895}', "5895"),
    one("science", "How long is the Mekong?", (RIVER, PEAK), {"river": ("Mekong", "the Mekong")},
        '{"km": 4350}', "4350"),
    one("library", "Lend the book 978-0141439518 to Tariq Aziz", (LOAN, SHELF),
        {"isbn": "978-0141439518", "member": "Tariq Aziz"}, '{"due": "2025-05-01"}', "2025-05-01"),
    one("library", "Where does the book Middlemarch stand?", (SHELF, LOAN),
        {"title": "Middlemarch"}, '{"shelf": "B14"}', "B14"),
    one("law", "What does section 12 of the Tenancy Act say?", (STATUTE,),
        {"law": ("Tenancy Act", "the Tenancy Act"), "section": 12},
        "The landlord must give notice.", "notice"),
    one("law", "Is Zentavia a trademark?", (TRADEMARK,), {"name": "Zentavia"},
        '{"registered": false}', ("false", "not")),
    one("school", "Grade the essay ES-330 in points", (GRADE, ENROLL),
        {"essay_id": "ES-330", "scale": "points"}, '{"points": 13}', "13"),
    one("school", "Enroll Nadia Petrova in BIO-201", (ENROLL, GRADE),
        {"student": "Nadia Petrova", "course": "BIO-201"}, "enrolled", ("enrolled", "Nadia")),
    one("housing", "What would 74 square meters cost in Neukölln?", (RENT, VIEWING),
        {"square_meters": 74, "district": "Neukölln"}, '{"rent": 1180}', "1180"),
    one("housing", "Schedule a viewing of listing 5503 for Mr Okafor", (VIEWING, RENT),
        {"listing_id": 5503, "visitor": ("Mr Okafor", "Okafor")}, '{"when": "Tuesday 17:00"}',
        "Tuesday"),
    one("things", "Close the valve V-22", (VALVE, SENSOR), {"valve": "V-22", "position": "closed"},
        "ok", ("V-22", "ok")),
    one("things", "What does sensor th-0091 read?", (SENSOR, VALVE), {"sensor_id": "th-0091"},
        '{"value": 22.8, "unit": "C"}', "22.8"),
    one("things", "Fly to 52.51, 13.37 at 80 meters", (DRONE,),
        {"latitude": 52.51, "longitude": 13.37, "altitude": 80}, "airborne", "airborne"),
    one("things", "Print thesis.pdf 3 times", (PRINTER,), {"document": "thesis.pdf", "copies": 3},
        '{"job": 118}', "118"),
    one("colours", "Mix teal with maroon", (COLOR,), {"first": "teal", "second": "maroon"},
        "#404040", "#404040"),
    one("food", "Which wine goes with mushroom risotto?", (WINE, CALORIES),
        {"dish": "mushroom risotto"}, '["Barbera"]', "Barbera"),
    one("transport", "When's high tide in Whitby on 2025-04-09?", (TIDE,),
        {"harbour": "Whitby", "date": "2025-04-09"}, '{"high": ["05:10", "17:32"]}', "17:32"),
    one("transport", "Are there free places in the car park Southgate?", (PARKING, CHARGER),
        {"car_park": "Southgate"}, '{"free": 58}', "58"),
    one("transport", "Find a charger near Innsbruck", (CHARGER, PARKING), {"place": "Innsbruck"},
        '{"name": "Ionity Inntal", "km": 2.1}', "Ionity"),
    one("transport", "When does line 18 leave from Harbour Square?", (BUS, TRAIN),
        {"line": "18", "stop": "Harbour Square"}, '{"minutes": 7}', "7"),
    one("transport", "Which trains leave Utrecht after 08:45?", (TRAIN, BUS),
        {"station": "Utrecht", "after": "08:45"}, '["IC 3524", "SPR 7315"]', "IC 3524"),
    one("transport", "How much is a taxi from Gate 4 to Hotel Astoria?", (TAXI,),
        {"pickup": "Gate 4", "dropoff": "Hotel Astoria"}, '{"fare": 27.5}', "27.5"),
    one("trade", "Create an invoice for Brightwater Ltd over 1450 euros", (INVOICE, REFUND),
        {"customer": "Brightwater Ltd", "amount": 1450}, '{"invoice": "2025-031"}', "2025-031"),
    one("trade", "Refund 19.9 of payment pay_8Fq2", (REFUND, INVOICE),
        {"payment_id": "pay_8Fq2", "amount": 19.9}, '{"state": "refunded"}', "refunded"),
    one("trade", "Apply the coupon SPRING15 to cart c-901", (COUPON,),
        {"cart_id": "c-901", "code": "SPRING15"}, '{"total": 42.5}', "42.5"),
    one("trade", "Find headphones under 80 dollars", (LAPTOPS,),
        {"query": "headphones", "max_price": 80}, '["Soundcore Q20", "JBL 520"]', "Soundcore"),
    one("trade", "Vote for mango in the poll fruit-7", (VOTE,),
        {"poll_id": "fruit-7", "option": "mango"}, "counted", ("counted", "mango")),
    one("numbers", "Mean of 4, 8, 15 and 16", (MEAN, PRIME), {"values": [4, 8, 15, 16]}, "10.75",
        "10.75"),
    one("numbers", "Is 7919 prime?", (PRIME, ROMAN), {"n": 7919}, "true", ("true", "is prime")),
    one("numbers", "Write 1994 in Roman numerals", (ROMAN, MORSE), {"number": 1994}, "MCMXCIV",
        "MCMXCIV"),
    one("numbers", "Put 'help us' into Morse code", (MORSE, ROMAN), {"text": "help us"},
        ".... . .-.. .--.", ".... . .-.. .--."),
    one("numbers", "How much paint do I need for a wall 5 m wide and 2.6 m high?", (PAINT,),
        {"width": 5, "height": 2.6}, '{"liters": 1.6}', "1.6"),
    one("numbers", "Split a bill of 86.4 among 4 people", (TIP,), {"total": 86.4, "people": 4},
        '{"each": 21.6}', "21.6"),
    one("pets", "Register my parrot Kiwi, 3 years old", (PET,),
        {"name": "Kiwi", "species": "parrot", "age": 3}, '{"number": "R-556"}', "R-556"),
    one("film", "Get the French subtitles of Amelie", (SUBTITLE,),
        {"film": "Amelie", "language": "French"}, '{"file": "amelie.fr.srt"}', "amelie.fr.srt"),
    one("errors", "Scale worker to 900 replicas", (SCALE,), {"name": "worker", "replicas": 900},
        '{"error": "limit is 50"}', "limit is 50"),
    one("errors", "Close ticket 1", (CLOSE,), {"ticket_id": 1}, "Error: already closed",
        "already closed"),
    one("errors", "Resolve nothing.invalid", (DNS,), {"hostname": "nothing.invalid"},
        '{"error": "NXDOMAIN"}', "NXDOMAIN"),
    Case("two calls", "How long are the Danube and the Volga?", (RIVER,),
         (("river_length", {"river": ("Danube", "the Danube")}),
          ("river_length", {"river": ("Volga", "the Volga")})),
         ('{"km": 2850}', '{"km": 3530}'), ("2850", "3530")),
    Case("two calls", "Restart nginx on web-1, then tell me its uptime", (RESTART, UPTIME),
         (("restart_service", {"service": "nginx", "host": "web-1"}),
          ("get_uptime", {"host": "web-1"})),
         ("restarted", '{"seconds": 3}'), ("3",)),
    Case("two calls", "Read the sensors p-1 and p-2", (SENSOR, VALVE),
         (("read_sensor", {"sensor_id": "p-1"}), ("read_sensor", {"sensor_id": "p-2"})),
         ("11.5", "12.25"), ("11.5", "12.25")),
    Case("two calls", "Is 51 prime, and how is 51 written in Roman numerals?",
         (PRIME, ROMAN), (("is_prime", {"n": 51}), ("to_roman", {"number": 51})),
         ("false", "LI"), ("LI",)),
    Case("retry", "Where is the ship Calypso?", (SHIP,),
         (("vessel_position", {"vessel": "Calypso"}), ("vessel_position", {"vessel": "Calypso"})),
         ("Error: timed out", '{"port": "Valletta"}'), ("Valletta",)),
    Case("retry", "Print map.pdf twice", (PRINTER,),
         (("print_job", {"document": "map.pdf", "copies": 2}),
          ("print_job", {"document": "map.pdf", "copies": 2})),
         ("connection refused", '{"job": 7}'), ("7",)),
    Case("no tool", "Restart the router", (PLANET, GENE)),
    Case("no tool", "Book me a massage", (DNS, WHOIS)),
    Case("no tool", "How many goals did Messi score?", (DOSE, BMI)),
    Case("no tool", "Compose a haiku on autumn", (SCALE, PODS)),
    Case("no tool", "Enroll me in a cooking class", (SENSOR, VALVE)),
    Case("no tool", "What do you think of brutalist architecture?", (RENT,)),
    Case("talk", "hey there", (CHESS, HERO)),
    Case("talk", "cool, thanks", (VALVE,)),
    Case("missing", "Assign a dock to truck M-AB 12", (DOCK,)),
    Case("missing", "Please refund payment pay_11", (REFUND,)),
)  # fmt: skip
