"""What do people ask of tools for nature, learning and leisure that the generator does not know?

The other half of the far exam: farming, sciences, mathematics, school, games, music, sport, food,
museums, crafts. Written by somebody who had not seen the training data, and looked at only as
totals before the figures of the card were made: nobody who trains the model read these requests or
a single failure until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.nano.cases import CANNOT, CHAT, ERROR, MISSING, NO_TOOL, ONE, TWO, asked, tool

if TYPE_CHECKING:
    from tests.rig.nano.cases import Case

SOW = tool("sowing_window", "When a crop is best sown", "crop: str", "region: str")
HIVE = tool("hiveWeight", "Weight of a beehive", "hive: str")
MILK = tool("milk-yield", "Milk that a cow gave", "cow_tag: str", "days?: int")
TRACTOR = tool("book_tractor", "Reserve a machine of the cooperative", "machine: str",
               "date: str YYYY-MM-DD", "hours?: num")  # fmt: skip
VET = tool("vetAppointment", "Make an appointment with the vet", "pet_name: str",
           "species: dog|cat|rabbit|bird", "reason: str")  # fmt: skip
BREED = tool("breed_traits", "What a breed of dog is like", "breed: str")
TANK = tool("aquarium-check", "Values of the water of an aquarium", "tank: str")
STARS = tool("star_coordinates", "Where a star stands in the sky", "star: str")
MOON = tool("moonPhase", "Phase of the moon on a day", "date: str YYYY-MM-DD")
SCOPE = tool("point-telescope", "Point the telescope", "right_ascension: num Hours",
             "declination: num Degrees")  # fmt: skip
QUAKES = tool("recent_quakes", "Earthquakes lately", "region: str", "min_magnitude?: num")
BALANCER = tool("balanceEquation", "Balance a chemical equation", "equation: str")
BOIL = tool("boiling_point", "Boiling point of a substance", "substance: str",
            "pressure_kpa?: num")  # fmt: skip
GENE = tool("gene-lookup", "Facts about a gene", "gene: str Symbol", "species?: str")
FACTOR = tool("prime_factors", "Prime factors of an integer", "n: int")
RANK = tool("matrixRank", "Rank of a matrix by its name", "matrix: str")
DERIVE = tool("differentiate", "Derivative of an expression", "expression: str",
              "variable: str")  # fmt: skip
GCD = tool("greatest-common-divisor", "Greatest common divisor", "m: int", "n: int")
MEDIAN = tool("median_of", "Median of numbers", "values: [num]")
BASE = tool("toBase", "Write a number in another base", "number: int", "base: int")
HOMEWORK = tool("hand_in_homework", "Hand in homework", "course: str", "file: str")
MARKS = tool("pupilMarks", "Marks of a pupil", "pupil: str", "subject?: str")
ROOM = tool("free-classroom", "A free room at some time", "building: str", "time: str HH:MM",
            "seats?: int")  # fmt: skip
QUIZ = tool("make_quiz", "Makes a quiz", "topic: str", "questions: int",
            "level?: easy|medium|hard")  # fmt: skip
SCALE = tool("scaleNotes", "Notes of a scale", "root: str", "mode: major|minor")
TEMPO = tool("song_tempo", "Beats per minute of a song", "song: str")
TUNING = tool("guitar-tuning", "Strings of a tuning", "tuning: str")
STANDINGS = tool("league_table", "Standings of a league", "league: str", "season?: str")
SELL = tool("transferPlayer", "Sell a player in the manager game", "player: str", "club: str",
            "fee: num")  # fmt: skip
LAPS = tool("lap-times", "Lap times of a driver", "driver: str", "circuit: str")
DUNGEON = tool("spawn_monster", "Put monsters into the game world", "kind: str", "count: int",
               "x: int", "y: int")  # fmt: skip
INVENTORY = tool("openInventory", "What a game character carries", "character: str")
HAND = tool("poker-hand", "How good a hand of cards is", "cards: [str] Such as AS or 10H")
ALLERGENS = tool("allergens_in", "Allergens in a product", "barcode: str")
BEAN = tool("coffeeRoast", "Start a roast of coffee", "bean: str", "roast: light|medium|dark",
            "grams: int")  # fmt: skip
OVEN = tool("preheat-oven", "Heat the oven", "celsius: int", "fan?: bool Whether with the fan")
CELLAR = tool("cellar_stock", "Bottles of a wine in the cellar", "wine: str", "vintage?: int")
EXHIBIT = tool("findExhibit", "Where an exhibit of the museum stands", "exhibit: str")
TOUR = tool("guided-tour", "Put people on a guided tour", "museum: str", "visitors: int",
            "language?: str")  # fmt: skip
FABRIC = tool("fabric_needed", "Fabric for a garment in metres", "garment: str",
              "size: S|M|L|XL")  # fmt: skip
YARN = tool("yarnSubstitute", "Yarn instead of another", "yarn: str")
THREAD = tool("thread-color", "Name of a thread colour", "code: int", "brand: str")
SHOT = tool("shot_list", "Shots of a scene", "production: str", "scene: int")
PROP = tool("reserveProp", "Reserve a prop for a day of filming", "prop: str", "day: str")
SUBTITLE = tool("shift-subtitles", "Move subtitles in time", "file: str", "milliseconds: int")
KILN = tool("kiln_program", "Start a program of the kiln", "program: str", "cone?: str")
AUCTION = tool("placeBid", "Bid in an auction", "lot: int", "bid: num")
WASTE = tool("waste-collection", "When waste is collected", "street: str",
             "waste: paper|glass|organic")  # fmt: skip
TIDE = tool("tide_table", "High and low water of a port", "port: str", "date: str YYYY-MM-DD")
AVALANCHE = tool("avalancheRisk", "Avalanche danger of a region", "region: str")
DIVE = tool("dive-limit", "How long one may dive at a depth", "depth_m: num", "gas?: str")

_ONE: tuple[Case, ...] = (
    asked(ONE, "When should I sow barley in Jutland?", (SOW, TRACTOR, WASTE),
          (SOW, {"crop": "barley", "region": "Jutland"}, "late March to mid April"),
          must=("April",)),
    asked(ONE, "how heavy is hive 7", (MILK, HIVE),
          (HIVE, {"hive": ("7", "hive 7")}, '{"kg": 41.3}'), must=("41.3",)),
    asked(ONE, "Milk of the cow with tag NL-4471 for 14 days, please.", (MILK, VET, HIVE),
          (MILK, {"cow_tag": "NL-4471", "days": 14}, '{"litres": 392, "trend": "falling"}'),
          must=("392",)),
    asked(ONE, "I'd like to reserve the baler on 2025-07-19 for 6 hours.", (TRACTOR, SOW),
          (TRACTOR, {"machine": ("baler", "the baler"), "date": "2025-07-19", "hours": 6},
           "Reservation R-218"), must=("R-218",)),
    asked(ONE, "My cat Pixel needs a vet appointment, the reason is limping",
          (BREED, SHOT, VET, TANK),
          (VET, {"pet_name": "Pixel", "species": "cat", "reason": "limping"},
           '{"slot": "Thursday 10:40"}'), must=("10:40",)),
    asked(ONE, "what are the traits of the breed Lagotto Romagnolo?", (BREED, VET),
          (BREED, {"breed": "Lagotto Romagnolo"}, "curly coat, keen nose, needs work"),
          must=("nose",)),
    asked(ONE, "check the aquarium reef-90", (TANK, TIDE, HIVE),
          (TANK, {"tank": "reef-90"}, '{"ph": 8.1, "nitrate": 12, "temp_c": 25.4}'),
          must=("8.1",)),
    asked(ONE, "Where in the sky is Aldebaran?", (STARS, MOON, SCOPE, TOUR, SHOT, THREAD),
          (STARS, {"star": "Aldebaran"}, '{"ra": "04h 35m", "dec": "+16 31"}'),
          must=("35",)),
    asked(ONE, "which phase does the moon have on 2025-10-07", (TIDE, MOON),
          (MOON, {"date": "2025-10-07"}, "full moon"), must=("full",)),
    asked(ONE, "Point the telescope at right ascension 5.6 and declination -1.2 please",
          (HAND, DIVE, SCOPE, STARS),
          (SCOPE, {"right_ascension": 5.6, "declination": -1.2}, "slewing, on target in 40 s"),
          must=(("40", "target", "slewing"),)),
    asked(ONE, "Were there earthquakes in Hokkaido with a magnitude of at least 4.5?",
          (SHOT, QUAKES, AVALANCHE, THREAD, TIDE),
          (QUAKES, {"region": "Hokkaido", "min_magnitude": 4.5},
           '[{"place": "off Kushiro", "magnitude": 5.2}]'), must=("Kushiro",)),
    asked(ONE, "balance H2 + O2 -> H2O", (BOIL, BALANCER, DERIVE),
          (BALANCER, {"equation": "H2 + O2 -> H2O"}, "2 H2 + O2 -> 2 H2O"), must=("2 H2",)),
    asked(ONE, "At what temperature does toluene boil?", (BOIL, GENE, OVEN),
          (BOIL, {"substance": "toluene"}, '{"celsius": 110.6}'), must=("110.6",)),
    asked(ONE, "Look up the gene FOXP2 in the species mouse.", (BREED, SHOT, GENE, TOUR),
          (GENE, {"gene": "FOXP2", "species": "mouse"}, '{"chromosome": "6", "exons": 17}'),
          must=(("chromosome", "17"),)),
    asked(ONE, "Factor 9699690 into primes", (GCD, FACTOR, BASE),
          (FACTOR, {"n": 9699690}, "[2, 3, 5, 7, 11, 13, 17, 19]"), must=("19",)),
    asked(ONE, "what's the rank of the matrix M_theta", (SHOT, RANK, MEDIAN),
          (RANK, {"matrix": "M_theta"}, '{"rank": 3}'), must=("3",)),
    asked(ONE, "Differentiate x**3 + 2*x with respect to x.", (FACTOR, DERIVE, BALANCER, TOUR),
          (DERIVE, {"expression": "x**3 + 2*x", "variable": "x"}, "3*x**2 + 2"),
          must=("3*x**2",)),
    asked(ONE, "greatest common divisor of 1092 and 455?", (THREAD, TUNING, GCD, FACTOR),
          (GCD, {"m": 1092, "n": 455}, "91"), must=("91",)),
    asked(ONE, "Give me the median of 4, 19, 7, 23 and 11", (BASE, MEDIAN, GCD),
          (MEDIAN, {"values": [4, 19, 7, 23, 11]}, '{"median": 11}'), must=("11",)),
    asked(ONE, "write 8191 in base 16", (TOUR, TUNING, SHOT, BASE, DERIVE),
          (BASE, {"number": 8191, "base": 16}, "1FFF"), must=("1FFF",)),
    asked(ONE, "Hand in essay_final.pdf for the course HIST-210.", (HOMEWORK, DIVE, MARKS),
          (HOMEWORK, {"course": "HIST-210", "file": "essay_final.pdf"},
           '{"received": true, "late": false}'), must=(("received", "handed in", "submitted"),)),
    asked(ONE, "Which marks does Luca Ferri have in physics?", (QUIZ, TOUR, MARKS, ROOM, DIVE),
          (MARKS, {"pupil": "Luca Ferri", "subject": ("physics", "Physics")},
           '{"marks": ["B+", "A-"]}'), must=("B+", "A-")),
    asked(ONE, "is there a free room in the building Turing at 10:15 with 30 seats?",
          (ROOM, EXHIBIT),
          (ROOM, {"building": "Turing", "time": "10:15", "seats": 30}, "T-204"),
          must=("T-204",)),
    asked(ONE, "I teach biology and need a quiz on photosynthesis with 8 questions, easy please",
          (HOMEWORK, HAND, QUIZ, GENE),
          (QUIZ, {"topic": "photosynthesis", "questions": 8, "level": "easy"},
           '{"quiz_id": "qz-330"}'), must=("qz-330",)),
    asked(ONE, "Which notes are in the scale of D minor?", (SCALE, TEMPO, TUNING),
          (SCALE, {"root": "D", "mode": "minor"}, '["D", "E", "F", "G", "A", "Bb", "C"]'),
          must=("Bb",)),
    asked(ONE, "tempo of the song Paper Planes?", (TUNING, SHOT, TEMPO, DIVE),
          (TEMPO, {"song": "Paper Planes"}, '{"bpm": 172}'), must=("172",)),
    asked(ONE, "Show me the table of the league Eliteserien.",
          (SHOT, STANDINGS, TOUR, HAND, LAPS, SELL),
          (STANDINGS, {"league": "Eliteserien"},
           '[{"pos": 1, "team": "Brann"}, {"pos": 2, "team": "Viking"}]'), must=("Brann",)),
    asked(ONE, "Sell the player Duarte to the club Real Sociedad for a fee of 18500000",
          (SHOT, SELL, STANDINGS, TOUR),
          (SELL, {"player": "Duarte", "club": "Real Sociedad", "fee": 18500000},
           "deal accepted"), must=("accepted",)),
    asked(ONE, "lap times of Kowalczyk at Spa", (LAPS, TEMPO),
          (LAPS, {"driver": "Kowalczyk", "circuit": "Spa"}, '["2:18.4", "2:17.9"]'),
          must=("2:17.9",)),
    asked(ONE, "Spawn 5 skeletons at x 120 and y 64", (INVENTORY, DUNGEON, HAND),
          (DUNGEON, {"kind": ("skeletons", "skeleton"), "count": 5, "x": 120, "y": 64},
           '{"spawned": 5}'), must=("5",)),
    asked(ONE, "what does Morwen carry in her inventory?", (INVENTORY, SHOT, AUCTION, HAND, TUNING),
          (INVENTORY, {"character": "Morwen"}, "a rope, 2 torches, a silver key"),
          must=("silver key",)),
    asked(ONE, "Does the product with barcode 4008400401621 contain allergens?",
          (ALLERGENS, TUNING, THREAD, CELLAR),
          (ALLERGENS, {"barcode": "4008400401621"}, '{"allergens": ["hazelnut", "milk"]}'),
          must=("hazelnut", "milk")),
    asked(ONE, "Roast 400 grams of Sidamo, medium", (OVEN, HAND, BEAN, KILN, DIVE, THREAD),
          (BEAN, {"bean": "Sidamo", "roast": "medium", "grams": 400}, "roasting, 11 minutes"),
          must=(("11", "roasting"),)),
    asked(ONE, "preheat the oven to 220", (KILN, SHOT, OVEN, BOIL),
          (OVEN, {"celsius": 220}, "heating to 220"), must=("220",)),
    asked(ONE, "Where in the museum does the exhibit Viking longship stand?", (TOUR, EXHIBIT),
          (EXHIBIT, {"exhibit": "Viking longship"}, '{"floor": 1, "hall": "Nordic Hall"}'),
          must=("Nordic Hall",)),
    asked(ONE, "How much fabric do I need for a coat in size L?",
          (YARN, TOUR, FABRIC, TUNING, THREAD),
          (FABRIC, {"garment": ("coat", "a coat"), "size": "L"}, "3.1"), must=("3.1",)),
    asked(ONE, "thread color 3750 of the brand Anchor", (THREAD, FABRIC),
          (THREAD, {"code": 3750, "brand": "Anchor"}, "deep petrol"), must=("petrol",)),
    asked(ONE, "Shift the subtitles in ep04.srt by 1200 milliseconds", (SHOT, SUBTITLE),
          (SUBTITLE, {"file": "ep04.srt", "milliseconds": 1200}, '{"moved": 612}'),
          must=(("612", "1200", "1,200"),)),
    asked(ONE, "bid 75 on lot 318", (AUCTION, PROP),
          (AUCTION, {"lot": 318, "bid": 75}, "you are the highest bidder"), must=("highest",)),
    asked(ONE, "When is paper collected in Elm Street?", (WASTE, SOW, TIDE, TOUR),
          (WASTE, {"street": "Elm Street", "waste": "paper"}, '{"next": "Wednesday"}'),
          must=("Wednesday",)),
    asked(ONE, "Tell me the tides in Saint-Malo on 2025-09-22.", (TIDE, DIVE),
          (TIDE, {"port": "Saint-Malo", "date": "2025-09-22"},
           '{"high": ["07:02", "19:20"], "low": ["13:48"]}'), must=("07:02", "13:48")),
)  # fmt: skip
_OTHER: tuple[Case, ...] = (
    asked(TWO, "How great is the avalanche risk in Engadin and in Valais?", (AVALANCHE, QUAKES),
          (AVALANCHE, {"region": "Engadin"}, '{"level": "considerable"}'),
          (AVALANCHE, {"region": "Valais"}, '{"level": "low"}'), must=("considerable", "low")),
    asked(TWO, "Get the tempo of Night Ferry, and the notes of the scale of G major",
          (SCALE, TEMPO, TUNING),
          (TEMPO, {"song": "Night Ferry"}, "96"),
          (SCALE, {"root": "G", "mode": "major"}, "G A B C D E F#"), must=("96", "F#")),
    asked(TWO, "preheat the oven to 180 and then roast 250 grams of Huila, dark", (BEAN, OVEN),
          (OVEN, {"celsius": 180}, "heating to 180"),
          (BEAN, {"bean": "Huila", "roast": "dark", "grams": 250}, "roasting"),
          must=(("180", "roasting"),)),
    asked(TWO, "Factor 1001 into primes, and write 1001 in base 2.", (BASE, FACTOR, MEDIAN),
          (FACTOR, {"n": 1001}, "[7, 11, 13]"), (BASE, {"number": 1001, "base": 2},
          '{"digits": "1111101001"}'), must=("13", "1111101001")),
    asked(ERROR, "How many bottles of Chinon are in the cellar?", (SHOT, HAND, CELLAR, ALLERGENS),
          (CELLAR, {"wine": "Chinon"}, '{"error": "database is locked, try again"}'),
          (CELLAR, {"wine": "Chinon"}, '{"bottles": 27}'), must=("27",)),
    asked(ERROR, "Start the kiln program bisque-3", (KILN, OVEN),
          (KILN, {"program": "bisque-3"}, "Error: the door of the kiln is open"),
          must=("door",)),
    asked(ERROR, "Which yarn can I use instead of Drops Alpaca?", (YARN, FABRIC),
          (YARN, {"yarn": "Drops Alpaca"}, "Error: temporary failure, please retry"),
          (YARN, {"yarn": "Drops Alpaca"}, "Rowan Felted Tweed"), must=("Rowan",)),
    asked(NO_TOOL, "Make an appointment with the vet for my dog Bruno", (SCALE, BASE, GCD),
          must=(CANNOT,)),
    asked(NO_TOOL, "What is the boiling point of acetone?", (TOUR, EXHIBIT), must=(CANNOT,)),
    asked(NO_TOOL, "bid 40 on lot 7", (HIVE, MILK, SOW, BREED), must=(CANNOT,)),
    asked(MISSING, "I would like to join a guided tour with 4 visitors.", (TOUR, DIVE),
          must=("museum",)),
    asked(MISSING, "How long may I dive?", (DIVE, TIDE), must=(("depth", "deep"),)),
    asked(MISSING, "reserve a prop for Tuesday", (PROP, SHOT),
          must=(("prop",), ("which", "what", "name", "please", "need"))),
    asked(CHAT, "Thanks a lot!", (STARS, MOON),
          must=(("welcome", "glad", "happy", "pleasure", "anytime", "any time"),)),
    asked(CHAT, "hello again", (LAPS, STANDINGS),
          must=(("again", "hello", "hi!", "hi,", "hi ", "help"),)),
)  # fmt: skip
CASES = (*_ONE, *_OTHER)
