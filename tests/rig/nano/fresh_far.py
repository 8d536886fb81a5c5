"""What do people ask of tools from trades far from an assistant's? Never trained on."""

from __future__ import annotations

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

# Farms, food and crafts
HIVE = tool(
    "log_hive_inspection", "Record an inspection of a beehive", "hive_id: str Hive code",
    "brood_frames: int Frames with brood", "queen_seen: bool Whether the queen was spotted",
)  # fmt: skip
MILK = tool("get_milk_yield", "Milk yield of a cow, last 24 h, in litres", "ear_tag: str")
COW = tool("find_animal", "Look up an animal of the herd by its name", "name: str Name of animal")
SILO = tool("silo_level", "Fill level of a grain silo", "silo_no: int Silo number")
VENTS = tool(
    "set_roof_vents", "Open the roof vents of a greenhouse to a percentage",
    "greenhouse: str Name of the greenhouse", "percent: int 0 (shut) to 100 (fully open)",
)  # fmt: skip
SEED = tool(
    "seed_requirement", "Kilograms of seed needed to drill an area", "crop: str", "hectares: num"
)
INBREED = tool(
    "inbreeding_coefficient", "Expected inbreeding coefficient of a mating",
    "sire: str Herd book name of the sire", "dam: str Herd book name of the dam",
)  # fmt: skip
FALCON = tool(
    "log_bird_weight", "Log the flying weight of a falconry bird", "bird: str", "grams: int"
)
WHEEL = tool(
    "turn_cheese", "Register that a cheese wheel was turned and brushed", "wheel_no: str",
    "cave: str Name of the ripening cave",
)  # fmt: skip
ABV = tool(
    "calc_abv", "Alcohol by volume from gravities", "og: num Original gravity",
    "fg: num Final gravity",
)  # fmt: skip
OECHSLE = tool("oechsle_to_alcohol", "Potential alcohol of grape must", "oechsle: num Must weight")
TEMPER = tool("tempering_curve", "Melt, cool and work temperatures", "type: dark|milk|white")
ROAST = tool(
    "start_roast", "Start a coffee roast", "lot: str Green coffee lot", "charge_kg: num",
    "drop_temp_c: num Bean temperature at drop",
)  # fmt: skip
DYE = tool(
    "dye_weight", "Grams of dye powder for a bath", "fibre_g: num Dry weight of the fibre",
    "depth_percent: num Depth of shade in percent",
)  # fmt: skip
STITCH = tool(
    "cast_on_count", "How many stitches to cast on", "width_cm: num",
    "stitches_per_10cm: num Gauge",
)  # fmt: skip
CALIBER = tool("movement_specs", "Specs of a watch movement", "caliber: str Caliber, e.g. 2824-2")
ACCORD = tool("save_accord", "Save a perfume accord", "name: str", "materials: [str]")
SPORES = tool("key_by_spore_print", "Candidate mushroom genera by spore print", "colour: str")

# Traffic, freight and machines
NOTAM = tool("get_notams", "Active NOTAMs of an aerodrome", "icao: str Four-letter ICAO code")
SQUAWK = tool(
    "assign_squawk", "Assign a transponder code", "callsign: str", "code: str Four octal digits"
)
METAR = tool(
    "fetch_metar", "Latest METAR of a station", "station: str ICAO code of the station",
    "hours_back?: int Older reports as well",
)  # fmt: skip
BAG = tool("trace_baggage", "Trace a checked bag by its tag", "tag_number: str Ten digits")
BOX = tool("container_status", "Last move of a shipping container", "container_no: str")
DUTY = tool(
    "duty_rate", "Import duty in percent", "hs_code: str Tariff code",
    "origin: str Country of origin",
)  # fmt: skip
POINTS = tool("set_points", "Throw railway points", "points_id: str", "position: normal|reverse")
TRAM = tool(
    "hold_tram", "Hold a tram at a stop", "unit: int Tram number", "stop: str",
    "minutes: int How long to hold it",
)  # fmt: skip
SAILING = tool("vehicle_deck", "Free lane metres on a ferry sailing", "sailing_id: str")
LIGHT = tool("light_character", "Character of a lighthouse's light", "lighthouse: str")
BUOY = tool("buoy_reading", "Latest waves and wind at a weather buoy", "buoy_id: str")
CRANE = tool(
    "crane_capacity", "Rated load of a crane in t", "crane: str", "radius_m: num Outreach",
    "counterweight_t?: num Ballast mounted, in t",
)  # fmt: skip
LIFT = tool("lift_fault_code", "Current fault of an elevator", "unit_id: str Elevator number")
LOST = tool(
    "search_lost_property", "Search the transit lost-property office", "item: str What was lost",
    "line: str Line it was lost on",
)  # fmt: skip

# Energy, water and industry
PITCH = tool("set_blade_pitch", "Pitch the blades of a turbine", "turbine: str", "degrees: num")
TURBINE = tool("turbine_output", "Current output of a wind turbine in kW", "turbine: str Turbine")
INVERTER = tool("inverter_yield", "Energy fed in today by a solar inverter", "serial: str")
BREAKER = tool("operate_breaker", "Switch a circuit breaker", "breaker: str", "action: open|close")
NOMINATE = tool(
    "nominate_gas", "Nominate gas at an entry point for a gas day", "point: str Entry point",
    "mwh: num Energy", "gas_day: str YYYY-MM-DD",
)  # fmt: skip
SUBSTATION = tool("heat_substation", "Flow and return temperature of a substation", "station: str")
CHLORINE = tool("set_chlorine_dose", "Chlorine dose of a basin", "basin: str", "mg_per_l: num")
CRUSHER = tool(
    "crusher_throughput", "Tonnes crushed in a shift", "crusher: str", "shift: early|late|night"
)
ALARMS = tool("list_active_alarms", "All alarms now active in the plant's control room")
BEAM = tool("beam_status", "Current state of the synchrotron's stored beam")
OVEN = tool(
    "start_firing", "Fire a pottery kiln", "kiln: str", "cone: str Pyrometric cone",
    "hold_minutes?: int Soak at the top", "ramp?: slow|medium|fast",
    "cooling?: natural|controlled",
)  # fmt: skip
TORQUE = tool(
    "bolt_torque", "Tightening torque of a bolt", "thread: str Thread such as M8",
    "strength_class: str Property class such as 8.8", "lubricated?: bool Oiled thread",
)  # fmt: skip

# Software operations
LAG = tool(
    "consumer_lag", "Lag of a Kafka consumer group", "group: str", "topic: str",
    "partition?: int Only this partition",
)  # fmt: skip
CERT = tool(
    "cert_expiry", "When the TLS certificate of a host expires", "hostname: str",
    "port?: int Defaults to 443",
)  # fmt: skip
PURGE = tool("purge_queue", "Drop every message in a queue", "queue: str Queue name")
TTL = tool("set_key_ttl", "Set the expiry of a cache key", "key: str", "ttl_seconds: int")
DRIFT = tool("detect_drift", "Compare infrastructure with its Terraform state", "workspace: str")
SCAN = tool(
    "scan_image", "Scan a container image for CVEs", "image: str Reference with tag",
    "ignore?: [str] CVEs to leave out",
)  # fmt: skip
BGP = tool("prefix_origin", "Origin AS of an IP prefix", "prefix: str CIDR notation")
VLAN = tool(
    "assign_vlan", "Put a switch port into a VLAN", "switch: str", "port: int", "vlan_id: int"
)
BUMP = tool("bump_version", "Raise a package's version", "package: str", "part: major|minor|patch")
ONCALL = tool("who_is_on_call", "Engineer on call for a rotation", "rotation: str Rotation's name")
PAGE = tool("page_engineer", "Page an engineer", "engineer: str", "message: str Text of the page")
FAILOVER = tool("failover_cluster", "Fail a database cluster over", "cluster: str", "target: str")

# Money, law and offices
IBAN = tool("validate_iban", "Check an IBAN and name its bank", "iban: str")
ISIN = tool("security_by_isin", "Name and type of a security", "isin: str Twelve characters")
BOND = tool(
    "yield_to_maturity", "Yield of a bond", "price: num Clean price",
    "coupon_percent: num Yearly coupon", "years: num Years left",
)  # fmt: skip
DEPRECIATE = tool(
    "straight_line_depreciation", "Yearly write-off of an asset", "cost: num", "life_years: int"
)
CLAIM = tool("claim_status", "Status of an insurance claim", "claim_no: str Claim number")
VATID = tool("check_vat_id", "Validate an EU VAT identification number", "vat_id: str")
TX = tool("tx_confirmations", "Confirmations of a blockchain transaction", "txid: str")
PARCEL = tool("parcel_owner", "Registered owner of a land parcel", "parcel_no: str")
DOCKET = tool("docket_entry", "Next hearing of a court case", "case_no: str File number")
PATENT = tool(
    "renewal_fee", "Official renewal fee of a patent", "patent_no: str",
    "year: int Patent year, 3 to 20",
)  # fmt: skip
PERMIT = tool("permit_status", "Status of a building permit application", "application_no: str")
HYDRANT = tool("hydrant_flow", "Rated flow of a fire hydrant", "hydrant_id: str")
DISPATCH = tool(
    "dispatch_unit", "Send an emergency vehicle", "unit: str Call sign of the vehicle",
    "address: str", "lights_and_siren: bool",
)  # fmt: skip
WARD = tool("polling_station", "Polling station of an electoral ward", "ward: str Ward's name")

# Medicine and science
ICD = tool("icd10_lookup", "Meaning of an ICD-10 code", "code: str")
INTERACT = tool("check_interactions", "Interactions among drugs", "drugs: [str] Generic names")
BED = tool("assign_bed", "Give a patient a bed", "patient: str Name", "ward: str", "bed: int")
DRIP = tool("infusion_rate", "Pump rate in mL/h", "volume_ml: num", "hours: num")
LOT = tool("vaccine_lot", "Recall status and expiry of a vaccine lot", "lot: str Lot number")
CROSS = tool("crossmatch", "Crossmatch a blood unit", "unit_no: str", "patient_id: str")
TOOTH = tool(
    "chart_tooth", "Enter a finding in the dental chart", "tooth: int FDI number",
    "finding: caries|filling|crown|missing",
)  # fmt: skip
CAS = tool("substance_by_cas", "Substance with a CAS registry number", "cas_no: str")
LATTICE = tool("lattice_constant", "Lattice constant of a crystal", "material: str")
SLEW = tool("slew_telescope", "Point the telescope", "target: str Catalogue designation")
SHUTTER = tool(
    "take_exposure", "Expose the camera at the telescope", "seconds: num", "filter: str Filter name"
)
GLACIER = tool("mass_balance", "Yearly mass balance of a glacier", "glacier: str", "year: int")
SPIN = tool("start_centrifuge", "Start the centrifuge", "rpm: int Speed", "minutes: num Run time")
FREEZER = tool("locate_sample", "Where in the freezers a sample is", "sample_id: str")
HERBARIUM = tool("specimen_record", "Record of a herbarium specimen", "barcode: str")

# Culture
ACCESSION = tool("object_record", "Record of a museum object", "accession_no: str")
ARCHIVE = tool(
    "order_archive_box", "Order an archive box to the reading room", "box: str Signature",
    "seat: int Seat in the reading room",
)  # fmt: skip
CHANNEL = tool(
    "set_channel", "Set a stage lighting channel", "channel: int", "level: int Percent, 0 to 100"
)
CUE = tool("fire_cue", "Fire a cue of the show", "cue: str Cue label such as LX12")
SLATE = tool("log_take", "Log a take on a film set", "scene: str", "take: int", "circled: bool")
ORGAN = tool(
    "set_registration", "Draw organ stops", "division: great|swell|choir|pedal",
    "stops: [str] Names of the stops",
)  # fmt: skip
STAMP = tool(
    "stamp_value", "Catalogue value of a stamp", "catalogue_no: str", "condition: mint|used|hinged"
)
PAPER = tool("spine_width", "Spine width of a book in mm", "pages: int", "paper_gsm: int")

# Sports, hobbies and games
CHECKOUT = tool("darts_checkout", "How to finish a leg of darts", "remaining: int Points left")
CURLING = tool(
    "record_end", "Score an end of curling", "end: int Number of the end", "team: str",
    "points: int",
)  # fmt: skip
SUMO = tool(
    "rikishi_record", "Wins and losses of a sumo wrestler in a tournament, the last by default",
    "shikona: str Ring name", "basho?: str Tournament as YYYY-MM",
)  # fmt: skip
PITSTOP = tool("call_pit_stop", "Call a car in", "car: int", "compound: soft|medium|hard")
ERG = tool("erg_split", "Rowing split per 500 m", "distance_m: int", "seconds: num Total time")
CLIMB = tool("route_grade", "Grade of a climbing route", "crag: str", "route: str")
PISTE = tool("piste_status", "Whether a ski run is open", "piste: str Number or name of the run")
GEOCACHE = tool("geocache_details", "Details of a geocache", "gc_code: str")
HAM = tool("callsign_lookup", "Holder of an amateur radio call sign", "callsign: str")
LOCO = tool(
    "drive_loco", "Drive a model locomotive", "address: int DCC address", "speed_step: int 0-126",
    "direction: forward|reverse",
)  # fmt: skip
DICE = tool("roll_dice", "Roll dice", "notation: str Such as 2d6+3")
CARD = tool("card_price", "Market price of a trading card", "card: str", "set_code: str")
RECORD = tool("world_record", "Speedrun world record", "game: str", "category: str")
BRICK = tool("brick_stock", "How many of a building brick are in the bins", "part_no: str")
DECO = tool("no_deco_limit", "No-decompression limit on air, in minutes", "depth_m: num")
GEAR = tool("gear_ratio", "Gear ratio of a bike", "chainring: int Teeth", "sprocket: int Teeth")
PIGEON = tool("pigeon_velocity", "Speed of a racing pigeon in its last race", "ring_no: str")
NPC = tool("teleport_player", "Move a player to a zone of the game", "player: str", "zone: str")

CASES: tuple[Case, ...] = (
    # One call
    asked(
        ONE, "Just closed up hive K-14. Six brood frames (6), and yes, I saw the queen. Log it pls",
        (HIVE, MILK),
        (HIVE, {"hive_id": "K-14", "brood_frames": 6, "queen_seen": True},
         '{"entry": 318, "saved": true}'),
        must=(("318", "K-14", "logged", "recorded", "saved"),),
    ),
    asked(
        ONE, "How much did the cow with ear tag DE0934471208 give since yesterday?",
        (SILO, MILK, COW),
        (MILK, {"ear_tag": "DE0934471208"}, '{"ear_tag": "DE0934471208", "litres": 31.4}'),
        must=("31.4",),
    ),
    asked(
        ONE, "is silo 7 nearly full?", (SILO,),
        (SILO, {"silo_no": 7}, '{"silo": 7, "fill_percent": 92, "crop": "triticale"}'),
        must=("92",),
    ),
    asked(
        ONE, "It's getting stuffy in Tomato East, open the roof there to 35 percent",
        (VENTS, SEED, SILO),
        (VENTS, {"greenhouse": "Tomato East", "percent": 35}, "vents moving, target 35 %"),
        must=(("35", "Tomato East"),),
    ),
    asked(
        ONE, "I want to drill 12.5 hectares of phacelia. What amount of seed should I buy?",
        (SEED, HIVE),
        (SEED, {"crop": "phacelia", "hectares": 12.5}, '{"kg": 137.5}'),
        must=("137.5",),
    ),
    asked(
        ONE, "Would Orkney Baldur on Heather Mist be too close? I mean him as sire, her as dam",
        (INBREED, MILK, COW),
        (INBREED, {"sire": "Orkney Baldur", "dam": "Heather Mist"},
         '{"coefficient": 0.0625, "common_ancestors": ["Skye Thorfinn"]}'),
        must=(("0.0625", "6.25"),),
    ),
    asked(
        ONE, "Saskia weighed 742 g before we flew her. Note that down.", (PIGEON, FALCON),
        (FALCON, {"bird": "Saskia", "grams": 742}, '{"bird": "Saskia", "grams": 742, "trend": -6}'),
        must=("742",),
    ),
    asked(
        ONE, "wheel GR-2207 turned and brushed in the Felsenkeller cave", (OECHSLE, TEMPER, WHEEL),
        (WHEEL, {"wheel_no": "GR-2207", "cave": ("Felsenkeller", "Felsenkeller cave")},
         '{"ok": true, "next_turn": "Thursday"}'),
        must=(("Thursday", "GR-2207"),),
    ),
    asked(
        ONE, "My saison went from 1.058 down to 1.006. How strong is it?", (OECHSLE, ABV),
        (ABV, {"og": 1.058, "fg": 1.006}, "6.83"),
        must=("6.83",),
    ),
    asked(
        ONE, "Refractometer says 94 Oechsle on the Riesling. What alcohol could that get to?",
        (ROAST, OECHSLE, ABV),
        (OECHSLE, {"oechsle": 94}, '{"potential_vol_percent": 12.9}'),
        must=("12.9",),
    ),
    asked(
        ONE, "what temps do i need for tempering white couverture", (TEMPER,),
        (TEMPER, {"type": "white"}, '{"melt_c": 42, "cool_c": 26, "work_c": 28}'),
        must=("42", "26", "28"),
    ),
    asked(
        ONE, "Start roasting lot YRG-88 with a 4.2 kg charge, drop it at 211 degrees C.",
        (ROAST, TEMPER, ABV),
        (ROAST, {"lot": "YRG-88", "charge_kg": 4.2, "drop_temp_c": 211},
         '{"roast_id": "R5510", "eta_min": 11}'),
        must=(("R5510", "11", "started", "YRG-88"),),
    ),
    asked(
        ONE, "I've 640 g of dry merino and want a 3 percent shade. How much powder?",
        (DYE, STITCH),
        (DYE, {"fibre_g": 640, "depth_percent": 3}, '{"dye_g": 19.2}'),
        must=("19.2",),
    ),
    asked(
        ONE, "Scarf should be 28 cm wide, my swatch has 22 stitches to 10 cm. Cast on how many?",
        (DYE, PAPER, STITCH),
        (STITCH, {"width_cm": 28, "stitches_per_10cm": 22}, "62"),
        must=("62",),
    ),
    asked(
        ONE, "Beat rate of the Unitas 6498-1, please.", (CALIBER, TORQUE),
        (CALIBER, {"caliber": ("6498-1", "Unitas 6498-1")},
         '{"maker": "ETA", "jewels": 17, "beats_per_hour": 18000, "reserve_h": 46}'),
        must=(("18000", "18,000", "18 000"),),
    ),
    asked(
        ONE, "Save an accord called Wet Slate made of vetiver, geosmin and calone",
        (CAS, DYE, ACCORD, SPORES),
        (ACCORD, {"name": "Wet Slate", "materials": ["vetiver", "geosmin", "calone"]},
         '{"accord_id": 77}'),
        must=(("77", "Wet Slate"),),
    ),
    asked(
        ONE, "Found a gilled mushroom, the spore print came out salmon. What genus could it be?",
        (HERBARIUM, SPORES),
        (SPORES, {"colour": "salmon"}, '["Entoloma", "Pluteus", "Volvariella"]'),
        must=("Entoloma", "Pluteus"),
    ),
    asked(
        ONE, "Flying into LOWI tonight - any NOTAMs I should read?", (NOTAM, SQUAWK, METAR),
        (NOTAM, {"icao": "LOWI"},
         '[{"id": "A1187/26", "text": "RWY 08 PAPI unserviceable"}]'),
        must=(("PAPI", "A1187/26"),),
    ),
    asked(
        ONE, "TVF83KQ gets squawk 4271", (SQUAWK, NOTAM),
        (SQUAWK, {"callsign": "TVF83KQ", "code": "4271"}, '{"status": "assigned"}'),
        must=(("assigned", "4271"),),
    ),
    asked(
        ONE, "pull up the current METAR for BIEG", (SQUAWK, NOTAM, METAR, LIGHT, BUOY),
        (METAR, {"station": "BIEG"}, "BIEG 280130Z 03017KT 9999 FEW028 M02/M07 Q0994"),
        must=(("03017KT", "17", "0994", "994"),),
    ),
    asked(
        ONE, "My suitcase never showed up on the belt!! The tag says 0220417733", (LOST, BAG),
        (BAG, {"tag_number": "0220417733"},
         '{"last_scan": "Lisbon T1 sorter", "forwarded_on": "TP584"}'),
        must=(("Lisbon", "TP584"),),
    ),
    asked(
        ONE, "Has box TGHU5518204 been gated out yet?", (SAILING, DUTY, BOX),
        (BOX, {"container_no": "TGHU5518204"},
         '{"move": "GATE-OUT", "terminal": "Burchardkai", "at": "2026-03-04T17:52"}'),
        must=(("Burchardkai", "gate-out", "gated out", "17:52"),),
    ),
    asked(
        ONE, "What do we pay at customs for 8712.00 if the bikes come from Cambodia?",
        (VATID, DUTY),
        (DUTY, {"hs_code": "8712.00", "origin": "Cambodia"}, '{"rate_percent": 14.0}'),
        must=("14",),
    ),
    asked(
        ONE, "Signaller here. Throw W304 to reverse.", (POINTS, BREAKER, TRAM),
        (POINTS, {"points_id": "W304", "position": "reverse"}, '{"detected": "reverse"}'),
        must=("reverse",),
    ),
    asked(
        ONE, "keep tram 2041 at Museumplein for 4 min, a passenger has fallen", (POINTS, TRAM),
        (TRAM, {"unit": 2041, "stop": "Museumplein", "minutes": 4}, "held until 08:47"),
        must=(("08:47", "8:47", "held", "4 min"),),
    ),
    asked(
        ONE, "Can another lorry fit on sailing NB-0615? I need to know the lane metres left.",
        (BOX, SAILING),
        (SAILING, {"sailing_id": "NB-0615"}, '{"free_lane_m": 43, "deck": 3}'),
        must=("43",),
    ),
    asked(
        ONE, "Which flash pattern should I be looking for off Skerryvore?", (LIGHT, BUOY),
        (LIGHT, {"lighthouse": "Skerryvore"}, '{"character": "Fl W 10s", "range_nm": 23}'),
        must=(("Fl W 10s", "10s", "10 s", "10-s"),),
    ),
    asked(
        ONE, "wave height at buoy 62105?", (LIGHT, BUOY, METAR),
        (BUOY, {"buoy_id": "62105"}, '{"wave_m": 5.7, "period_s": 11, "wind_kn": 34}'),
        must=("5.7",),
    ),
    asked(
        ONE, "With 18.5 t of counterweight, what may the LTM-1090 lift at 26 m radius?",
        (CRANE, TORQUE),
        (CRANE, {"crane": "LTM-1090", "radius_m": 26, "counterweight_t": 18.5}, "6.4 t"),
        must=("6.4",),
    ),
    asked(
        ONE, "People are stuck, well, annoyed: elevator HB-3 won't move. What's wrong with it?",
        (CRANE, LIFT, ALARMS),
        (LIFT, {"unit_id": "HB-3"}, '{"code": "E47", "text": "door zone sensor lost"}'),
        must=(("E47", "door zone"),),
    ),
    asked(
        ONE, "I left a bassoon on the S41 last night. Has anybody handed one in?", (BAG, LOST),
        (LOST, {"item": ("bassoon", "a bassoon"), "line": "S41"},
         '{"matches": [{"id": 9912, "item": "bassoon in black case", "office": "Westend"}]}'),
        must=(("Westend", "9912"),),
    ),
    asked(
        ONE, "Feather WT-22: 87.5 degrees pitch.", (BREAKER, TURBINE, PITCH),
        (PITCH, {"turbine": "WT-22", "degrees": 87.5}, '{"turbine": "WT-22", "pitch": 87.5}'),
        must=("87.5",),
    ),
    asked(
        ONE, "what's Nordergründe-09 making right now", (TURBINE, PITCH),
        (TURBINE, {"turbine": "Nordergründe-09"}, '{"kw": 4630}'),
        must=(("4630", "4,630", "4.63"),),
    ),
    asked(
        ONE, "Has the inverter with serial SB5-300419 done anything today, with all this fog?",
        (TURBINE, INVERTER),
        (INVERTER, {"serial": "SB5-300419"}, '{"kwh_today": 1.9}'),
        must=("1.9",),
    ),
    asked(
        ONE, "Maintenance done, you may close breaker Q0-17 again", (ALARMS, PITCH, BREAKER),
        (BREAKER, {"breaker": "Q0-17", "action": "close"}, '{"state": "closed"}'),
        must=("close",),
    ),
    asked(
        ONE, "Nominate 1850 MWh at Oberkappel for gas day 2026-11-03.", (NOMINATE, SUBSTATION),
        (NOMINATE, {"point": "Oberkappel", "mwh": 1850, "gas_day": "2026-11-03"},
         '{"nomination": "NOM-70216", "state": "matched"}'),
        must=(("NOM-70216", "matched", "1850", "1,850"),),
    ),
    asked(
        ONE, "Tenants in Lindenhof 5 are cold. How warm is the return at substation LH5?",
        (INVERTER, SUBSTATION, CHLORINE),
        (SUBSTATION, {"station": "LH5"}, '{"flow_c": 71.5, "return_c": 38.2}'),
        must=("38.2",),
    ),
    asked(
        ONE, "Bring basin B2 to 0.6 mg/l chlorine", (CHLORINE, DRIP),
        (CHLORINE, {"basin": "B2", "mg_per_l": 0.6}, "setpoint accepted"),
        must=(("0.6", "accepted", "B2"),),
    ),
    asked(
        ONE, "Tonnage of crusher CR-02 on the night shift?", (CRANE, ALARMS, CRUSHER),
        (CRUSHER, {"crusher": "CR-02", "shift": "night"}, '{"tonnes": 3276}'),
        must=(("3276", "3,276"),),
    ),
    asked(
        ONE, "The panel's beeping again. What alarms have we got?", (ALARMS, BREAKER, LIFT),
        (ALARMS, {}, '[{"tag": "PT-4410", "text": "seal gas pressure low", "prio": 2}]'),
        must=(("PT-4410", "seal gas"),),
    ),
    asked(
        ONE, "do we have beam?", (BEAM, SPIN),
        (BEAM, {}, '{"current_mA": 248.7, "lifetime_h": 12.1, "mode": "top-up"}'),
        must=(("248.7", "top-up"),),
    ),
    asked(
        ONE, "Get kiln Bertha going to cone 04, slow ramp, and soak it for 15 minutes at the top",
        (OVEN, ROAST),
        (OVEN, {"kiln": "Bertha", "cone": "04", "hold_minutes": 15, "ramp": "slow"},
         '{"started": true, "done_at": "23:40"}'),
        must=(("23:40", "started", "Bertha"),),
    ),
    asked(
        ONE, "How tight do I do up an M14 in class 10.9? It's lubricated.", (GEAR, TORQUE),
        (TORQUE, {"thread": "M14", "strength_class": "10.9", "lubricated": True},
         '{"newton_metres": 187}'),
        must=("187",),
    ),
    asked(
        ONE, "How far behind is group ledger-sink on topic payments.v3?", (LAG, DRIFT, PURGE),
        (LAG, {"group": "ledger-sink", "topic": "payments.v3"},
         '{"lag": 18422, "partitions": 12}'),
        must=(("18422", "18,422"),),
    ),
    asked(
        ONE, "when does the cert on mx2.quillfeather.io port 8443 run out", (SCAN, TTL, CERT, BGP),
        (CERT, {"hostname": "mx2.quillfeather.io", "port": 8443},
         '{"not_after": "2026-08-19", "issuer": "R11"}'),
        must=(("2026-08-19", "August 19", "19 August", "Aug 19", "19 Aug"),),
    ),
    asked(
        ONE, "The dead letters in thumbnails-dlq are junk. Empty that queue.", (LAG, PURGE),
        (PURGE, {"queue": "thumbnails-dlq"}, '{"purged": 967}'),
        must=(("967", "purged", "thumbnails-dlq"),),
    ),
    asked(
        ONE, "Let cart:u5519 expire 900 seconds from now.", (TTL, PURGE, CERT),
        (TTL, {"key": "cart:u5519", "ttl_seconds": 900}, "OK"),
        must=(("900", "cart:u5519", "15 min"),),
    ),
    asked(
        ONE, "Has anyone clicked around by hand in workspace eu-edge-prod? Check for drift",
        (DRIFT, SCAN),
        (DRIFT, {"workspace": "eu-edge-prod"},
         '{"drifted": ["aws_security_group.bastion"], "count": 1}'),
        must=("bastion",),
    ),
    asked(
        ONE, "scan ghcr.io/tulipan/gateway:2.8.1", (DRIFT, BUMP, SCAN),
        (SCAN, {"image": "ghcr.io/tulipan/gateway:2.8.1"},
         '{"critical": 0, "high": 2, "ids": ["CVE-2025-4417", "CVE-2025-9031"]}'),
        must=(("CVE-2025-4417", "2 high", "two high", "high: 2", "high 2"),),
    ),
    asked(
        ONE, "Who announces 185.66.140.0/22?", (BGP, VLAN, CERT),
        (BGP, {"prefix": "185.66.140.0/22"}, '{"asn": "AS50629", "holder": "LWLcom"}'),
        must=(("AS50629", "50629", "LWLcom"),),
    ),
    asked(
        ONE, "On switch sw-attic-1, port 23 should be in VLAN 410.", (BGP, VLAN),
        (VLAN, {"switch": "sw-attic-1", "port": 23, "vlan_id": 410}, '{"applied": true}'),
        must=(("410", "23"),),
    ),
    asked(
        ONE, "We only fixed a typo in heron-parser, do a patch bump", (BUMP, SCAN),
        (BUMP, {"package": "heron-parser", "part": "patch"},
         '{"old": "0.14.2", "new": "0.14.3"}'),
        must=("0.14.3",),
    ),
    asked(
        ONE, "Is NL02ABNA0123456789 a real IBAN, and of which bank?", (IBAN, ISIN, VATID),
        (IBAN, {"iban": "NL02ABNA0123456789"}, '{"valid": true, "bank": "ABN AMRO"}'),
        must=("ABN AMRO",),
    ),
    asked(
        ONE, "XS2434891219 is in my depot and I have no clue what it is", (BOND, ISIN, TX),
        (ISIN, {"isin": "XS2434891219"},
         '{"name": "Castellum 2.125% perpetual", "type": "hybrid bond"}'),
        must=(("Castellum", "hybrid"),),
    ),
    asked(
        ONE, "A bond at 93.4 with a 2.75 percent coupon and 6 years to go: what's the yield?",
        (BOND, DEPRECIATE),
        (BOND, {"price": 93.4, "coupon_percent": 2.75, "years": 6}, '{"ytm_percent": 4.01}'),
        must=("4.01",),
    ),
    asked(
        ONE, "The laser cutter cost 48600 and we write it off over 9 years. How much a year?",
        (PATENT, BOND, DEPRECIATE),
        (DEPRECIATE, {"cost": 48600, "life_years": 9}, "5400.0"),
        must=(("5400", "5,400"),),
    ),
    asked(
        ONE, "Hi, it's about the hailstorm, claim number HG-55-20318. Any news?", (CLAIM, DOCKET),
        (CLAIM, {"claim_no": "HG-55-20318"},
         '{"state": "assessor visited", "offer_eur": 2190}'),
        must=(("2190", "2,190", "assessor"),),
    ),
    asked(
        ONE, "New supplier gave us ATU63611700. Please check that VAT number", (VATID, IBAN),
        (VATID, {"vat_id": "ATU63611700"}, '{"valid": true, "name": "Sensenwerk Grein GmbH"}'),
        must=(("Sensenwerk", "is valid"),),
    ),
    asked(
        ONE, "how many confirmations on 9f4e07ab31cc yet?", (TX, ISIN),
        (TX, {"txid": "9f4e07ab31cc"}, '{"confirmations": 38, "block": 905117}'),
        must=("38",),
    ),
    asked(
        ONE, "To whom does parcel 1187/4-B belong?", (WARD, PERMIT, PARCEL),
        (PARCEL, {"parcel_no": "1187/4-B"},
         '{"owners": [{"name": "Ysolde Brandauer", "share": "1/1"}]}'),
        must=("Brandauer",),
    ),
    asked(
        ONE, "When are we in court next in 3 K 219/25?", (DOCKET, CLAIM),
        (DOCKET, {"case_no": "3 K 219/25"},
         '{"hearing": "2026-06-11 09:30", "room": "E.107", "judge": "Tamm"}'),
        must=(("2026-06-11", "June 11", "11 June", "11th of June", "Jun 11"),),
    ),
    asked(
        ONE, "What will EP3381902 cost to keep alive for patent year 7?", (PATENT, PERMIT),
        (PATENT, {"patent_no": "EP3381902", "year": 7}, '{"fee_eur": 1255}'),
        must=(("1255", "1,255"),),
    ),
    asked(
        ONE, "Any movement on our application BV/2025/0449? It's for the carport.",
        (DOCKET, PARCEL, PERMIT),
        (PERMIT, {"application_no": "BV/2025/0449"},
         '{"status": "awaiting statics report", "clerk": "Mr Odum"}'),
        must=(("statics", "Odum"),),
    ),
    asked(
        ONE, "flow at hydrant FH-2290?", (DISPATCH, HYDRANT),
        (HYDRANT, {"hydrant_id": "FH-2290"}, '{"l_per_min": 1600, "pipe": "DN150"}'),
        must=(("1600", "1,600"),),
    ),
    asked(
        ONE, "Chimney fire: send Florian 44/1 to 12 Tannery Lane, lights and siren on.",
        (TRAM, DISPATCH, HYDRANT),
        (DISPATCH,
         {"unit": "Florian 44/1", "address": "12 Tannery Lane", "lights_and_siren": True},
         '{"acknowledged": true, "eta_min": 6}'),
        must=(("6", "44/1", "dispatched", "on its way"),),
    ),
    asked(
        ONE, "Our GP wrote down only M75.1. What's that supposed to be?", (ICD, INTERACT, LOT),
        (ICD, {"code": "M75.1"}, '{"code": "M75.1", "title": "Rotator cuff syndrome"}'),
        must=("rotator cuff",),
    ),
    asked(
        ONE, "Patient on warfarin, they now want to add fluconazole. Do those two interact?",
        (ICD, DRIP, INTERACT),
        (INTERACT, {"drugs": ["warfarin", "fluconazole"]},
         '[{"severity": "major", "effect": "INR rises, bleeding risk"}]'),
        must=(("major", "INR", "bleeding"),),
    ),
    asked(
        ONE, "Put Mrs Oduya into bed 14 on ward Ginkgo", (BED, CROSS),
        (BED, {"patient": ("Mrs Oduya", "Oduya"), "ward": ("Ginkgo", "ward Ginkgo"), "bed": 14},
         '{"assigned": true, "nurse": "Pirjo"}'),
        must=(("14", "Pirjo"),),
    ),
    asked(
        ONE, "750 mL over 6 hours, what do I set the pump to?", (SPIN, DRIP),
        (DRIP, {"volume_ml": 750, "hours": 6}, '{"ml_per_h": 125}'),
        must=("125",),
    ),
    asked(
        ONE, "Quadrant one, tooth 16, has caries. Chart it.", (TOOTH, BED, ICD),
        (TOOTH, {"tooth": 16, "finding": "caries"}, '{"chart_version": 9}'),
        must=(("16", "caries"),),
    ),
    asked(
        ONE, "There's an unlabelled flask with just 110-86-1 on it. What is in there?",
        (FREEZER, CAS, LATTICE),
        (CAS, {"cas_no": "110-86-1"}, '{"name": "pyridine", "hazards": ["flammable", "harmful"]}'),
        must=("pyridine",),
    ),
    asked(
        ONE, "Spin my samples at 13200 rpm for 2.5 minutes", (FREEZER, SPIN),
        (SPIN, {"rpm": 13200, "minutes": 2.5}, '{"running": true}'),
        must=(("13200", "13,200", "2.5", "running"),),
    ),
    asked(
        ONE, "How badly did Hintereisferner do in 2022?", (BUOY, GLACIER),
        (GLACIER, {"glacier": "Hintereisferner", "year": 2022}, '{"mm_water_equivalent": -3319}'),
        must=(("3319", "3,319", "3.3"),),
    ),
    asked(
        ONE, "the curator wants to know what 1934.12-8.77 is", (ACCESSION, ARCHIVE, HERBARIUM),
        (ACCESSION, {"accession_no": "1934.12-8.77"},
         '{"title": "Ivory netsuke of a toad", "location": "Store 4, cabinet K"}'),
        must=(("netsuke", "toad"),),
    ),
    asked(
        ONE, "I'm at seat 31 in the reading room, could I have box RG-19/204 brought up?",
        (ARCHIVE, ACCESSION),
        (ARCHIVE, {"box": ("RG-19/204", "box RG-19/204"), "seat": 31}, "order 5087, ready 14:15"),
        must=(("14:15", "5087"),),
    ),
    asked(
        ONE, "Channel 118 at 65 percent please", (CHANNEL, VENTS, CUE),
        (CHANNEL, {"channel": 118, "level": 65}, '{"118": 65}'),
        must=("65",),
    ),
    asked(
        ONE, "Pull the Gedackt 8 and the Nasard on the swell.", (CHANNEL, ORGAN),
        (ORGAN, {"division": "swell", "stops": ["Gedackt 8", "Nasard"]}, '{"drawn": 2}'),
        must=(("Gedackt", "Nasard", "2", "swell"),),
    ),
    asked(
        ONE, "116 left, three darts in hand. Way out?", (CHECKOUT, DICE),
        (CHECKOUT, {"remaining": 116}, '["T20", "16", "D20"]'),
        must=("T20", "D20"),
    ),
    asked(
        ONE, "Team Lindqvist scored 3 in end 7", (SUMO, CURLING),
        (CURLING, {"end": 7, "team": ("Lindqvist", "Team Lindqvist"), "points": 3},
         '{"score": {"Lindqvist": 6, "Moretti": 5}}'),
        must=(("6", "recorded", "3"),),
    ),
    asked(
        ONE, "box box! bring in car 27, put the hards on", (GEAR, NPC, PITSTOP),
        (PITSTOP, {"car": 27, "compound": "hard"}, '{"confirmed": true, "lap": 33}'),
        must=(("33", "27", "confirmed"),),
    ),
    asked(
        ONE, "Did 2000 m on the rower in 447.2 seconds, what was my split?", (ERG, GEAR, DECO),
        (ERG, {"distance_m": 2000, "seconds": 447.2}, '{"split": "1:51.8"}'),
        must=("1:51.8",),
    ),
    asked(
        ONE, "Roll 4d8-2 for my cleric", (BRICK, CARD, DICE, NPC, RECORD),
        (DICE, {"notation": "4d8-2"}, '{"rolls": [3, 8, 1, 6], "total": 16}'),
        must=("16",),
    ),
    # Two calls
    asked(
        TWO, "How much milk did Griselda give? I don't remember her ear tag.", (COW, SILO, MILK),
        (COW, {"name": "Griselda"}, '{"name": "Griselda", "ear_tag": "CH1207788143", "age": 5}'),
        (MILK, {"ear_tag": "CH1207788143"}, '{"litres": 27.6}'),
        must=("27.6",),
    ),
    asked(
        TWO, "Compare silo 3 with silo 11 for me: which one has more in it?", (MILK, SILO),
        (SILO, {"silo_no": 3}, '{"silo": 3, "fill_percent": 44}'),
        (SILO, {"silo_no": 11}, '{"silo": 11, "fill_percent": 71}'),
        must=("11",),
    ),
    asked(
        TWO, "Find out who is on call for storage-emea and page them: RAID degraded on vault9",
        (PAGE, PURGE, ONCALL),
        (ONCALL, {"rotation": "storage-emea"}, '{"engineer": "t.okonjo", "until": "06:00"}'),
        (PAGE, {"engineer": "t.okonjo", "message": "RAID degraded on vault9"}, '{"sent": true}'),
        must=("okonjo",),
    ),
    asked(
        TWO, "Slew to NGC 6888, then expose for 300 seconds through the OIII filter.",
        (SLEW, SHUTTER, BEAM),
        (SLEW, {"target": "NGC 6888"}, '{"settled": true, "airmass": 1.12}'),
        (SHUTTER, {"seconds": 300, "filter": ("OIII", "OIII filter")}, '{"file": "img_0482.fits"}'),
        must=(("img_0482", "300", "NGC 6888"),),
    ),
    asked(
        TWO, "METARs of ENSB and BGSF please, in that order", (NOTAM, METAR),
        (METAR, {"station": "ENSB"}, "ENSB 280120Z 12022KT 4000 -SN BKN012 M11/M14 Q1007"),
        (METAR, {"station": "BGSF"}, "BGSF 280120Z 06005KT CAVOK M19/M23 Q1021"),
        must=(("ENSB", "12022KT", "1007"), ("BGSF", "CAVOK", "1021")),
    ),
    asked(
        TWO, "Open breaker F-08, and after that pitch turbine HN-3 to 90 degrees.",
        (TURBINE, BREAKER, PITCH),
        (BREAKER, {"breaker": "F-08", "action": "open"}, '{"state": "open"}'),
        (PITCH, {"turbine": ("HN-3", "turbine HN-3"), "degrees": 90}, '{"pitch": 90.0}'),
        must=(("90", "open"),),
    ),
    asked(
        TWO, "First set channel 9 to 0 percent, then fire cue LX45", (SLATE, CHANNEL, CUE),
        (CHANNEL, {"channel": 9, "level": 0}, '{"9": 0}'),
        (CUE, {"cue": "LX45"}, '{"running": "LX45", "fade_s": 4}'),
        must=("LX45",),
    ),
    asked(
        TWO, "Which has the higher ratio, 50 on 17 or 34 on 11? Work out both, chainring first",
        (ERG, GEAR),
        (GEAR, {"chainring": 50, "sprocket": 17}, "2.94"),
        (GEAR, {"chainring": 34, "sprocket": 11}, "3.09"),
        must=("3.09",),
    ),
    asked(
        TWO, "Is lot FX7731 still good, and if it is, what does ICD-10 Z24.1 stand for?",
        (LOT, CROSS, ICD),
        (LOT, {"lot": "FX7731"}, '{"recalled": false, "expires": "2027-02"}'),
        (ICD, {"code": "Z24.1"}, '{"title": "Need for immunization against viral encephalitis"}'),
        must=("encephalitis",),
    ),
    asked(
        TWO, "What's the market price of Tarmogoyf in set FUT, and the one in set MMA?",
        (DICE, RECORD, CARD),
        (CARD, {"card": "Tarmogoyf", "set_code": "FUT"}, '{"eur": 18.9}'),
        (CARD, {"card": "Tarmogoyf", "set_code": "MMA"}, '{"eur": 11.35}'),
        must=("18.9", "11.35"),
    ),
    # Errors
    asked(
        ERROR, "How many bouts did Hoshoriu win?", (CURLING, SUMO),
        (SUMO, {"shikona": "Hoshoriu"},
         '{"error": "no rikishi Hoshoriu, did you mean Hoshoryu?"}'),
        (SUMO, {"shikona": "Hoshoryu"}, '{"wins": 12, "losses": 3}'),
        must=("12",),
    ),
    asked(
        ERROR, "grade of the route Quetschkommode at crag Bärenfelz", (CLIMB, PISTE),
        (CLIMB, {"crag": "Bärenfelz", "route": "Quetschkommode"},
         '{"error": "unknown crag Bärenfelz, did you mean Bärenfels?"}'),
        (CLIMB, {"crag": "Bärenfels", "route": "Quetschkommode"}, '{"grade": "VIII-"}'),
        must=("VIII-",),
    ),
    asked(
        ERROR, "Fail cluster pg-orders over to node-c", (FAILOVER, LAG, DRIFT),
        (FAILOVER, {"cluster": "pg-orders", "target": "node-c"},
         '{"error": "no target node-c, targets are named by region: use fra1-node-c"}'),
        (FAILOVER, {"cluster": "pg-orders", "target": "fra1-node-c"},
         '{"primary": "fra1-node-c", "downtime_s": 3}'),
        must=(("node-c", "3"),),
    ),
    asked(
        ERROR, "What's Michel 14b worth mint?", (STAMP, ACCESSION),
        (STAMP, {"catalogue_no": ("Michel 14b", "14b"), "condition": "mint"},
         '{"error": "catalogue number must be written as MI-14-B"}'),
        (STAMP, {"catalogue_no": "MI-14-B", "condition": "mint"}, '{"eur": 2350}'),
        must=(("2350", "2,350"),),
    ),
    asked(
        ERROR, "Crossmatch unit G091226110457 for patient P-60318.", (CROSS, LOT, BED),
        (CROSS, {"unit_no": "G091226110457", "patient_id": "P-60318"},
         '{"error": "unit G091226110457 is quarantined and must not be used"}'),
        must=("quarantin",),
    ),
    asked(
        ERROR, "Where's geocache GC7ZQ4M hidden?", (GEOCACHE, HAM),
        (GEOCACHE, {"gc_code": "GC7ZQ4M"}, '{"error": "GC7ZQ4M was archived by its owner"}'),
        must=("archived",),
    ),
    # No tool fits
    asked(
        NO_TOOL, "Book me a sleeper berth from Zagreb to Split for Friday night.",
        (POINTS, SAILING), must=(CANNOT,),
    ),
    asked(
        NO_TOOL, "Forty ewes are due for shearing. Can you book Gethin the shearer for me?",
        (VENTS, SEED, MILK), must=(CANNOT,),
    ),
    asked(
        NO_TOOL, "Translate the inscription on this rune stone into Portuguese",
        (ACCESSION,), must=(CANNOT,),
    ),
    asked(
        NO_TOOL, "Order two pallets of fresh toner for the print shop", (CERT, LAG, VLAN, BUMP),
        must=(CANNOT,),
    ),
    asked(
        NO_TOOL, "Please wax my skis and sharpen the edges", (PISTE, CLIMB, ERG), must=(CANNOT,),
    ),
    # An argument is missing
    asked(
        MISSING, "Set the pitch of turbine EW-12, please.", (PITCH, TURBINE),
        must=(("degree", "angle", "pitch", "what", "which", "how"),),
    ),
    asked(
        MISSING, "Heard a ham on 20 metres last night. Could you look up whose call sign it is?",
        (HAM,),
        must=(("call sign", "callsign", "which", "what"),),
    ),
    asked(
        MISSING, "drive the model loco forward at speed step 40", (GEAR, LOCO),
        must=(("address", "which", "what"),),
    ),
    asked(
        MISSING, "I need the herbarium record of a specimen", (FREEZER, HERBARIUM),
        must=(("barcode", "which", "what"),),
    ),
    asked(
        MISSING, "How long may I stay down without decompression stops?", (DECO, ERG),
        must=(("depth", "deep", "metre", "meter"),),
    ),
    # Small talk
    asked(
        CHAT, "Phew, the night shift in the control room is finally over. Morning!",
        (ALARMS, CRUSHER), must=(("morning", "shift", "rest", "hello", "hi", "help", "glad"),),
    ),
    asked(
        CHAT, "thanks, you've been a great deckhand today", (BUOY, LIGHT, SAILING),
        must=(("welcome", "glad", "pleasure", "happy", "thank", "any time", "anytime"),),
    ),
    asked(
        CHAT, "hey there, how's it going?", (FALCON, HIVE),
        must=(("hi", "hello", "hey", "well", "good", "fine", "help", "great"),),
    ),
    asked(
        CHAT, "Haha, you're funnier than my dungeon master", (RECORD, DICE, NPC),
        must=(("ha", "thank", "glad", "happy", "fun", "help", "welcome"),),
    ),
)  # fmt: skip
