"""What do people ask of tools for machines, firms and hospitals that the generator does not know?

Half of the far exam: operations, networks, security, staff, health, freight, printing, houses.
Written by somebody who had not seen the training data, and looked at only as totals before the
figures of the card were made: nobody who trains the model read these requests or a single failure
until then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.nano.cases import CANNOT, CHAT, ERROR, MISSING, NO_TOOL, ONE, TWO, asked, tool

if TYPE_CHECKING:
    from tests.rig.nano.cases import Case

DRAIN = tool("drain_node", "Move all work off a cluster node", "node: str",
             "grace_seconds?: int Time for work to end")  # fmt: skip
ALERTS = tool("listAlerts", "Alerts that are firing", "team: str",
              "severity?: info|warning|critical")  # fmt: skip
FLAG = tool("set-feature-flag", "Turn a feature flag on or off", "flag: str", "enabled: bool",
            "environment: staging|production")  # fmt: skip
PIPELINE = tool("pipeline_state", "State of a CI pipeline", "pipeline_id: int")
RESIZE = tool("resizeVolume", "Make a disk volume larger", "volume: str", "size_gb: int")
CERT = tool("certificate_expiry", "When the certificate of a domain expires", "domain: str")
PING = tool("ping-host", "Round trip time to a host", "host: str", "packets?: int")
VLAN = tool("assignVlan", "Put a port of a switch into a VLAN", "switch: str", "port: int",
            "vlan: int")  # fmt: skip
FIREWALL = tool("block_address", "Block an IP address in the firewall", "ip: str",
                "reason?: str")  # fmt: skip
CVE = tool("cve_details", "What a known vulnerability is about", "cve_id: str")
REVOKE = tool("revokeKey", "Revoke an API key", "key_id: str")
INDEX = tool("create_index", "Create an index on columns of a table", "table: str",
             "columns: [str]", "unique?: bool")  # fmt: skip
BACKUP = tool("restore-backup", "Restore a database from a backup", "database: str",
              "snapshot: str")  # fmt: skip
LOCKS = tool("show_locks", "Locks that sessions wait for", "database: str")
HIRE = tool("start_onboarding", "Begin the onboarding of somebody new", "full_name: str",
            "role: str", "first_day: str YYYY-MM-DD")  # fmt: skip
VACATION = tool("vacationDays", "Days of vacation left", "employee_id: str")
SHIFT = tool("swap-shift", "Swap the shifts of two people", "first_person: str",
             "second_person: str", "day: str")  # fmt: skip
EXPENSE = tool("file_expense", "Hand in an expense", "category: travel|meals|equipment",
               "amount: num", "receipt_no?: str")  # fmt: skip
PATIENT = tool("patientChart", "Chart of a patient", "mrn: str Medical record number")
VACCINE = tool("vaccination_record", "Vaccinations of a patient", "patient: str")
PRESCRIBE = tool("refill-prescription", "Ask the pharmacy for a refill", "rx_number: str",
                 "pharmacy?: str")  # fmt: skip
PRESSURE = tool("log_blood_pressure", "Note a blood pressure", "systolic: int", "diastolic: int",
                "arm?: left|right")  # fmt: skip
BED = tool("free_beds", "Free beds of a ward", "ward: str")
CONTAINER = tool("containerStatus", "Where a shipping container is", "container_no: str")
PALLETS = tool("pallet_space", "Free pallet places of a depot", "depot: str",
               "cooled?: bool Whether for cooled goods")  # fmt: skip
CUSTOMS = tool("customs-duty", "Duty on goods", "tariff_code: str", "value: num",
               "origin: str Country")  # fmt: skip
PICKUP = tool("schedule_pickup", "Have goods collected", "address: str", "boxes: int",
              "slot: morning|afternoon|evening")  # fmt: skip
TYRES = tool("tyrePressure", "Tyre pressure of a vehicle", "plate: str")
TRAIN = tool("train_departures", "Next trains of a station", "station: str", "limit?: int")
CHARGER = tool("charger-availability", "Free chargers for electric cars", "site: str")
TOLL = tool("toll_cost", "Toll of a road", "road: str", "vehicle_class: car|van|truck")
FERRY = tool("ferryTimetable", "Ferries between two ports", "from_port: str", "to_port: str")
INK = tool("ink_levels", "Ink left in a printer", "printer: str")
BIND = tool("book-binding-quote", "Price of printing and binding", "pages: int", "copies: int",
            "cover: soft|hard")  # fmt: skip
METER = tool("readMeter", "Reading of a meter of a house", "meter_id: str")
TENANT = tool("tenant_of", "Who rents a flat", "flat: str")
REPAIR = tool("report_defect", "Report something broken in a flat", "flat: str", "what: str")
MORTGAGE = tool("mortgage-rate", "Monthly rate of a mortgage", "principal: num", "years: int",
                "interest: num Percent")  # fmt: skip
GATE = tool("openGate", "Open a gate for a number of seconds", "gate: str", "seconds: int")
PUMP = tool("pump_speed", "Set the speed of a pump", "pump_id: str", "rpm: int")
BATTERY = tool("battery-level", "Battery of a device", "device: str")
FIRMWARE = tool("flashFirmware", "Install a firmware version on a device", "device: str",
                "version: str")  # fmt: skip
INVOICE = tool("void_invoice", "Make an invoice void", "invoice_no: str", "reason: str")
VAT = tool("vat_number_check", "Whether a VAT number is valid", "vat_number: str")
LEAD = tool("createLead", "Add somebody who may buy to the CRM", "company: str", "contact: str",
            "score?: int")  # fmt: skip
CLAIM = tool("claim_state", "State of an insurance claim", "claim: str")
CASE_LAW = tool("find-judgments", "Judgments on a subject", "subject: str", "court?: str")
PATENT = tool("patentOwner", "Who owns a patent", "patent_no: str")

_ONE: tuple[Case, ...] = (
    asked(ONE, "Drain node worker-07 please, it needs new memory.", (ALERTS, DRAIN, RESIZE),
          (DRAIN, {"node": "worker-07"}, '{"node": "worker-07", "evicted_pods": 23}'),
          must=("23",)),
    asked(ONE, "which critical alerts does the team payments have", (ALERTS, PIPELINE),
          (ALERTS, {"team": "payments", "severity": "critical"},
           '[{"name": "QueueBacklog", "since": "04:12"}]'), must=("QueueBacklog",)),
    asked(ONE, "Turn the feature flag new_checkout on in staging.", (FLAG, DRAIN, REVOKE, PING),
          (FLAG, {"flag": "new_checkout", "enabled": True, "environment": "staging"},
           "new_checkout is now enabled"), must=(("enabled", "on", "new_checkout"),)),
    asked(ONE, "disable dark_mode in production, that's a feature flag",
          (PALLETS, CERT, FLAG, TYRES),
          (FLAG, {"flag": "dark_mode", "enabled": False, "environment": "production"},
           '{"flag": "dark_mode", "enabled": false}'), must=("dark_mode",)),
    asked(ONE, "Has pipeline 48213 gone through?", (PIPELINE, ALERTS, LOCKS, MORTGAGE),
          (PIPELINE, {"pipeline_id": 48213},
           '{"id": 48213, "stage": "integration", "state": "failed"}'), must=("failed",)),
    asked(ONE, "Make the volume pgdata 500 GB large.", (BACKUP, RESIZE, INDEX),
          (RESIZE, {"volume": "pgdata", "size_gb": 500}, "resized pgdata to 500 GB"),
          must=("500",)),
    asked(ONE, "when does the certificate of shop.example.com expire?", (PING, CERT, FIREWALL),
          (CERT, {"domain": "shop.example.com"}, "2026-01-19"), must=("2026-01-19",)),
    asked(ONE, "ping db3.internal with 5 packets", (PING, LOCKS),
          (PING, {"host": "db3.internal", "packets": 5}, '{"avg_ms": 0.84, "lost": 0}'),
          must=("0.84",)),
    asked(ONE, "On switch sw-floor2, put port 17 into VLAN 120.", (VLAN, PING, TYRES, FIREWALL),
          (VLAN, {"switch": "sw-floor2", "port": 17, "vlan": 120}, "port 17: vlan 120"),
          must=("120",)),
    asked(ONE, "Somebody keeps guessing passwords from 203.0.113.77, block that address!",
          (BIND, REVOKE, MORTGAGE, FIREWALL),
          (FIREWALL, {"ip": "203.0.113.77"}, '{"rule": 4417, "action": "drop"}'),
          must=(("4417", "blocked", "203.0.113.77"),)),
    asked(ONE, "what is CVE-2024-31497 about", (CVE, CERT, CASE_LAW),
          (CVE, {"cve_id": "CVE-2024-31497"},
           '{"product": "a terminal client", "summary": "weak nonces leak the private key"}'),
          must=("nonces",)),
    asked(ONE, "I pushed the key ak_9f27c1 to a public repository by mistake. Revoke it now.",
          (CVE, REVOKE, FLAG),
          (REVOKE, {"key_id": "ak_9f27c1"}, "revoked at 11:04"), must=("revoked",)),
    asked(ONE, "Create a unique index on the columns email and tenant of the table accounts.",
          (INDEX, LOCKS, BACKUP),
          (INDEX, {"table": "accounts", "columns": ["email", "tenant"], "unique": True},
           '{"index": "accounts_email_tenant_key"}'), must=("accounts_email_tenant_key",)),
    asked(ONE, "Restore the database billing from the snapshot snap-0611.", (BACKUP, RESIZE, TYRES),
          (BACKUP, {"database": "billing", "snapshot": "snap-0611"},
           "restore started, job 88"), must=(("88", "started"),)),
    asked(ONE, "Start the onboarding of Noor Haddad as data analyst, first day 2025-09-01",
          (VACATION, HIRE, TYRES, SHIFT, LOCKS, BIND),
          (HIRE, {"full_name": "Noor Haddad", "role": "data analyst",
                  "first_day": "2025-09-01"}, '{"ticket": "ONB-77"}'), must=("ONB-77",)),
    asked(ONE, "how many vacation days are left for employee E1093", (EXPENSE, VACATION),
          (VACATION, {"employee_id": "E1093"}, '{"left": 11, "taken": 17}'), must=("11",)),
    asked(ONE, "Kim and Paolo want to swap their shifts on Saturday, can you do it?",
          (SHIFT, HIRE),
          (SHIFT, {"first_person": "Kim", "second_person": "Paolo", "day": "Saturday"},
           "swapped"), must=("swap",)),
    asked(ONE, "File an expense of 86.40 in the category meals please",
          (MORTGAGE, INVOICE, EXPENSE, VAT),
          (EXPENSE, {"category": "meals", "amount": 86.4}, '{"expense_id": "X-2210"}'),
          must=("X-2210",)),
    asked(ONE, "Open the chart of the patient with record number 00417723.",
          (TYRES, PATIENT, BED, MORTGAGE),
          (PATIENT, {"mrn": "00417723"},
           '{"name": "Osei", "allergies": ["penicillin"], "blood": "0+"}'),
          must=(("penicillin", "Osei"),)),
    asked(ONE, "Which vaccinations does Hana Sato have?", (PRESCRIBE, VACCINE, PATIENT),
          (VACCINE, {"patient": "Hana Sato"}, "tetanus 2019, measles 2021"),
          must=("tetanus", "measles")),
    asked(ONE, "refill prescription RX-60418 please", (MORTGAGE, TYRES, PRESSURE, PRESCRIBE),
          (PRESCRIBE, {"rx_number": "RX-60418"}, "ready for pickup tomorrow"),
          must=("tomorrow",)),
    asked(ONE, "my blood pressure was 128 over 84, left arm", (PRESSURE, VACCINE, BED),
          (PRESSURE, {"systolic": 128, "diastolic": 84, "arm": "left"}, '{"saved": true}'),
          must=(("saved", "128", "noted", "logged", "recorded"),)),
    asked(ONE, "How many beds are free in the ward Cardiology B?", (BED, PATIENT),
          (BED, {"ward": "Cardiology B"}, "4"), must=("4",)),
    asked(ONE, "Where is container MSKU7730021?", (INK, CONTAINER, PALLETS, FERRY, CUSTOMS),
          (CONTAINER, {"container_no": "MSKU7730021"},
           '{"position": {"port": "Algeciras"}, "eta": "2025-06-30"}'), must=("Algeciras",)),
    asked(ONE, "what's the customs duty on goods with tariff code 8471.30 worth 12000 from Vietnam",
          (TYRES, CUSTOMS, PALLETS, TOLL),
          (CUSTOMS, {"tariff_code": "8471.30", "value": 12000, "origin": "Vietnam"},
           '{"duty": 342.0}'), must=("342",)),
    asked(ONE, "Have 9 boxes picked up in the afternoon at 12 Quay Street, Galway.",
          (PALLETS, CONTAINER, PICKUP),
          (PICKUP, {"address": "12 Quay Street, Galway", "boxes": 9, "slot": "afternoon"},
           "Pickup P-3094 confirmed"), must=("P-3094",)),
    asked(ONE, "tyre pressure of the van with the plate KR 552 LM?", (TYRES, TOLL, CHARGER),
          (TYRES, {"plate": "KR 552 LM"}, '{"front": 2.4, "rear": 2.9}'), must=("2.4", "2.9")),
    asked(ONE, "Next 2 trains from Gare du Nord please", (FERRY, TRAIN),
          (TRAIN, {"station": "Gare du Nord", "limit": 2},
           "15:04 Lille platform 8; 15:12 Brussels platform 3"), must=("Lille", "Brussels")),
    asked(ONE, "Is there a free charger for my car at the site Riverside Mall?",
          (LOCKS, CHARGER, TYRES, PALLETS),
          (CHARGER, {"site": "Riverside Mall"}, '{"free": 3, "of": 10}'), must=("3",)),
    asked(ONE, "What is the toll on the A13 for a truck?", (TRAIN, TOLL, CUSTOMS),
          (TOLL, {"road": ("A13", "the A13"), "vehicle_class": "truck"}, "EUR 27.90"),
          must=("27.90",)),
    asked(ONE, "ferries from Piraeus to Naxos?", (FERRY, CONTAINER),
          (FERRY, {"from_port": "Piraeus", "to_port": "Naxos"}, '["07:25", "17:30"]'),
          must=("07:25", "17:30")),
    asked(ONE, "Is there enough ink left in the printer hall-laser?", (BIND, INK),
          (INK, {"printer": "hall-laser"}, '{"black": "62%", "cyan": "9%"}'),
          must=(("9%", "62%"),)),
    asked(ONE, "How much would it be to print and bind 240 pages, 50 copies, hard cover?",
          (INK, BIND, MORTGAGE),
          (BIND, {"pages": 240, "copies": 50, "cover": "hard"}, '{"quote": 915.5}'),
          must=("915.5",)),
    asked(ONE, "Who rents flat 3B?", (TENANT, METER, REPAIR, PALLETS),
          (TENANT, {"flat": ("3B", "flat 3B")}, "Ivana Horvat, since 2018"),
          must=("Ivana Horvat",)),
    asked(ONE, 'Please report for flat 12: "kitchen tap drips"', (TENANT, REPAIR),
          (REPAIR, {"flat": ("12", "flat 12"), "what": "kitchen tap drips"},
           '{"defect_no": 5519}'), must=("5519",)),
    asked(ONE, "open the gate north for 30 seconds", (INK, GATE, PUMP, BATTERY),
          (GATE, {"gate": "north", "seconds": 30}, "north gate open"), must=("open",)),
    asked(ONE, "set pump P4 to 1450 rpm", (METER, GATE, PUMP),
          (PUMP, {"pump_id": "P4", "rpm": 1450}, '{"pump": "P4", "rpm": 1450}'),
          must=(("1450", "1,450"),)),
    asked(ONE, "Install firmware version 5.1.9 on the device cam-entrance.", (BATTERY, FIRMWARE),
          (FIRMWARE, {"device": "cam-entrance", "version": "5.1.9"}, "flashed, rebooting"),
          must=(("flashed", "rebooting", "5.1.9"),)),
    asked(ONE, 'Void invoice 2025-0381, the reason is "duplicate".', (VAT, INVOICE, EXPENSE, CLAIM),
          (INVOICE, {"invoice_no": "2025-0381", "reason": "duplicate"}, "voided"),
          must=("void",)),
    asked(ONE, "check the VAT number DE811569869 for me", (VAT, LEAD, BIND, MORTGAGE),
          (VAT, {"vat_number": "DE811569869"}, '{"valid": true, "name": "Holz Nord GmbH"}'),
          must=(("valid", "Holz Nord"),)),
    asked(ONE, "add a lead: company Brightwater Farms, contact Tom Ellery, score 70",
          (LEAD, CLAIM, HIRE),
          (LEAD, {"company": "Brightwater Farms", "contact": "Tom Ellery", "score": 70},
           '{"lead_id": "L-904"}'), must=("L-904",)),
    asked(ONE, "find judgments on noise from heat pumps", (LOCKS, CASE_LAW, PALLETS, PATENT, CLAIM),
          (CASE_LAW, {"subject": "noise from heat pumps"},
           '[{"case": "Weber v Anders", "year": 2022}]'), must=("Weber",)),
)  # fmt: skip
_OTHER: tuple[Case, ...] = (
    asked(TWO, "Find out who rents flat 9 and what the meter W-118 reads", (METER, TENANT),
          (TENANT, {"flat": ("9", "flat 9")}, "Family Brandt"),
          (METER, {"meter_id": "W-118"}, "40771"), must=("Brandt", "40771")),
    asked(TWO, "Drain node gpu-2, and then block 198.51.100.9 in the firewall.",
          (FIREWALL, DRAIN, CVE),
          (DRAIN, {"node": "gpu-2"}, "gpu-2 drained"),
          (FIREWALL, {"ip": "198.51.100.9"}, "blocked"), must=("gpu-2",)),
    asked(TWO, "How full is the battery of sensor-a and of sensor-b?", (BATTERY, FIRMWARE),
          (BATTERY, {"device": "sensor-a"}, '{"percent": 81}'),
          (BATTERY, {"device": "sensor-b"}, '{"percent": 34}'), must=("81", "34")),
    asked(TWO, "Show the state of pipeline 771, and the certificate expiry of api.example.org",
          (PIPELINE, TYRES, CERT, BIND, LOCKS),
          (PIPELINE, {"pipeline_id": 771}, "passed"), (CERT, {"domain": "api.example.org"},
          "2025-12-24"), must=("passed", "2025-12-24")),
    asked(TWO, "Check claim C-5108, and after that who owns patent EP3112233.",
          (PALLETS, PATENT, CLAIM, INK),
          (CLAIM, {"claim": "C-5108"}, '{"state": "approved", "amount": 640}'),
          (PATENT, {"patent_no": "EP3112233"}, "Solvane AG"), must=("approved", "Solvane")),
    asked(ERROR, "Is pipeline 60017 done?", (PIPELINE, FLAG, LOCKS),
          (PIPELINE, {"pipeline_id": 60017}, "Error: gateway timeout, please retry"),
          (PIPELINE, {"pipeline_id": 60017}, '{"state": "running"}'), must=("running",)),
    asked(ERROR, "Revoke the key ak_000", (REVOKE, CERT),
          (REVOKE, {"key_id": "ak_000"}, '{"error": "key not found"}'),
          must=(("not found", "no key", "couldn't find", "could not find", "not exist",
                 "doesn't exist", "no such"),)),
    asked(NO_TOOL, "Transpose this melody from C to E flat", (VLAN, VAT, GATE), must=(CANNOT,)),
    asked(NO_TOOL, "Who is the tenant of flat 8?", (PING, DRAIN), must=(CANNOT,)),
    asked(NO_TOOL, "Refill my prescription RX-1200", (TRAIN, TOLL, FERRY, BATTERY),
          must=(CANNOT,)),
    asked(MISSING, "Set the speed of pump P9, please.", (PUMP, GATE),
          must=(("rpm", "speed", "how fast"), ("?", "please", "need"))),
    asked(MISSING, "I want to revoke an API key.", (REVOKE, PING), must=(("key", "id"), ("?",
          "please", "need"))),
    asked(CHAT, "Thank you, you've been a great help", (DRAIN, ALERTS),
          must=(("welcome", "glad", "happy", "pleasure", "anytime", "any time"),)),
    asked(CHAT, "Hey! Nice to meet you.", (BED, PATIENT, VACCINE),
          must=(("hello", "hi!", "hi,", "hi ", "hey", "nice", "help", "meet"),)),
)  # fmt: skip
CASES = (*_ONE, *_OTHER)
