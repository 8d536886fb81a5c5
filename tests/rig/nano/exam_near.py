"""What do people ask at a desk, of tools that the generator knows under some name?

Half of the near exam: files, code, numbers, messages, appointments, texts. Written by somebody who
had not seen the training data, and looked at only as totals before the figures of the card were
made: nobody who trains the model read these requests or a single failure until then.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tests.rig.nano.cases import CANNOT, CHAT, ERROR, MISSING, NO_TOOL, ONE, TWO, asked, tool

if TYPE_CHECKING:
    from tests.rig.nano.cases import Case

OPEN = tool("open_file", "Shows what a text file contains", "file_path: str Path of the file")
SAVE = tool("saveText", "Save text under a path, replacing what was there",
            "path: str Where to save", "text: str What to save")  # fmt: skip
LS = tool("ls-dir", "Lists the files of a directory", "directory: str The directory")
RM = tool("removeFile", "Delete a file", "path: str The file")
WC = tool("count_words_in", "Number of words in a document", "document: str File name")
GREP = tool("code-search", "Find lines that match a pattern in the sources",
            "pattern: str Text to look for", "directory?: str Where to look",
            "ignore_case?: bool Whether upper and lower case are the same")  # fmt: skip
PY = tool("python_exec", "Executes Python code and returns stdout", "source: str The code")
SH = tool("terminal", "Run a shell command", "cmd: str Command line",
          "timeout?: int Seconds to wait at most")  # fmt: skip
SQL = tool("query_database", "Run an SQL query on the shop's database", "sql: str The query")
FETCH = tool("http_get", "Download a page from the web", "url: str Address of the page")
LOG = tool("git_log", "Latest commits of a branch", "branch: str", "count?: int How many")
STATUS = tool("gitStatus", "Changed files of a checkout", "repo_path: str Path of the checkout")
CALC = tool("arithmetic", "Works out an expression", "expr: str Expression such as 3*(4+5)")
SUM = tool("sum_two", "Sum of two numbers", "x: num", "y: num")
TIMES = tool("multiply-numbers", "Product of two numbers", "first: num", "second: num")
UNIT = tool("unit_converter", "Convert a measure into another unit", "value: num How much",
            "from_unit: str Unit it is in", "to_unit: str Unit wanted")  # fmt: skip
FX = tool("fx_convert", "Convert an amount of money", "amount: num", "base: str Currency code",
          "target: str Currency code")  # fmt: skip
RATE = tool("getExchangeRate", "Today's rate between two currencies",
            "from_currency: str Code", "to_currency: str Code")  # fmt: skip
RANDOM = tool("random_int", "Random integer between two bounds", "low: int", "high: int")
DICE = tool("rollDice", "Roll dice", "sides: int Sides of each die", "dice?: int How many dice")
COIN = tool("toss_coin", "Heads or tails")
TODAY = tool("current_date", "Which day it is today")
MAIL = tool("outbox_send", "Send an e-mail", "recipient: str Address", "subject: str Subject",
            "message: str The text")  # fmt: skip
SMS = tool("textMessage", "Send a text message", "phone: str Number", "body: str The message")
POST = tool("post_to_channel", "Post in a channel of the team chat", "channel: str Channel",
            "message: str What to post")  # fmt: skip
REMIND = tool("create-reminder", "Remind the user of something", "what: str Of what",
              "when: str At what time")  # fmt: skip
TIMER = tool("countdown", "Start a timer", "minutes: int How long", "label?: str Name")
ALARM = tool("wake_me", "Set an alarm", "time: str HH:MM", "repeat?: once|daily|weekdays")
EVENT = tool("calendar_add", "Put an appointment in the calendar", "title: str What it is",
             "date: str YYYY-MM-DD", "start: str HH:MM",
             "attendees?: [str] E-mail addresses")  # fmt: skip
AGENDA = tool("calendarDay", "Appointments of a day", "date: str Day as YYYY-MM-DD")
TASK = tool("add_task", "Put something on the to-do list", "task: str What is to be done",
            "priority?: low|medium|high")  # fmt: skip
TICKET = tool("openTicket", "Open a support ticket", "title: str", "severity: low|normal|urgent",
              "description?: str Details")  # fmt: skip
CUSTOMER = tool("customer_by_email", "Look up a customer", "email: str Address of the customer")
DEFINE = tool("dictionary", "Meaning of an English word", "word: str The word")
TRANSLATE = tool("translator", "Translate a text", "text: str", "into: str Target language")
DETECT = tool("language_of", "Detects the language of a text", "text: str")
SUMMARY = tool("tldr", "Summarise a text", "text: str", "sentences?: int How many at most")
DRAW = tool("render_image", "Make a picture from a description", "prompt: str What it shows",
            "size?: small|medium|large")  # fmt: skip

_ONE: tuple[Case, ...] = (
    asked(ONE, "Which port is set in config/app.toml?", (LS, OPEN, RM),
          (OPEN, {"file_path": "config/app.toml"}, '[server]\nhost = "0.0.0.0"\nport = 8443\n'),
          must=("8443",)),
    asked(ONE, "show me /etc/hostname", (OPEN, UNIT, LOG, COIN, SMS),
          (OPEN, {"file_path": "/etc/hostname"}, "buildbox-17\n"), must=("buildbox-17",)),
    asked(ONE, 'Save the text "meeting moved to Thursday" as notes/todo.txt please.',
          (OPEN, SAVE, WC),
          (SAVE, {"path": "notes/todo.txt", "text": "meeting moved to Thursday"},
           '{"saved": true, "bytes": 25}'), must=(("saved", "notes/todo.txt", "25"),)),
    asked(ONE, "what files are there in src/parser", (LS, WC, GREP, TIMER),
          (LS, {"directory": "src/parser"}, '["lexer.py", "grammar.py", "tree.py"]'),
          must=("lexer.py", "grammar.py", "tree.py")),
    asked(ONE, "Please get rid of build/old.log, I don't need it any more.",
          (RM, STATUS, SAVE, LS, DRAW, OPEN),
          (RM, {"path": "build/old.log"}, "deleted build/old.log"),
          must=(("deleted", "removed", "gone"),)),
    asked(ONE, "How many words does thesis.md have by now?", (WC, UNIT, SUMMARY, OPEN),
          (WC, {"document": "thesis.md"}, '{"document": "thesis.md", "words": 18342}'),
          must=(("18342", "18,342"),)),
    asked(ONE, "Where in the code do we use parse_header? Search for it, please.",
          (OPEN, GREP, UNIT),
          (GREP, {"pattern": "parse_header"},
           "net/http.py:41: head = parse_header(line)"), must=("net/http.py",)),
    asked(ONE, "Look for TODO in the directory lib/core", (GREP, LS, SH, TASK),
          (GREP, {"pattern": "TODO", "directory": "lib/core"},
           '[{"file": "lib/core/cache.c", "line": 88, "text": "// TODO evict"}]'),
          must=("cache.c",)),
    asked(ONE, "Run this Python for me: print(sum(range(50)))", (PY, CALC),
          (PY, {"source": "print(sum(range(50)))"}, "1225\n"), must=("1225",)),
    asked(ONE, "execute `print('abc'.upper())` in python", (SQL, PY, DEFINE),
          (PY, {"source": "print('abc'.upper())"}, '{"stdout": "ABC\\n", "exit_code": 0}'),
          must=("ABC",)),
    asked(ONE, "Run df -h /data and tell me how full the disk is.",
          (STATUS, SH, LOG, OPEN, DRAW, LS),
          (SH, {"cmd": "df -h /data"},
           "Filesystem Size Used Avail Use% Mounted on\n/dev/sdb1 2.0T 1.4T 600G 71% /data"),
          must=("71%",)),
    asked(ONE, "run `make lint` with a timeout of 90 seconds", (GREP, STATUS, SH, LOG),
          (SH, {"cmd": "make lint", "timeout": 90}, "All checks passed!"), must=("passed",)),
    asked(ONE, "Please run this on the database: SELECT COUNT(*) FROM orders", (CUSTOMER, SQL),
          (SQL, {"sql": "SELECT COUNT(*) FROM orders"}, '[{"count": 5210}]'),
          must=(("5210", "5,210"),)),
    asked(ONE, "Fetch https://status.example.org/health and tell me what it says.",
          (UNIT, SH, FETCH, MAIL, DRAW),
          (FETCH, {"url": "https://status.example.org/health"}, '{"state": "degraded"}'),
          must=("degraded",)),
    asked(ONE, "Show the last 3 commits on release-2.4", (STATUS, SMS, LOG, GREP),
          (LOG, {"branch": "release-2.4", "count": 3},
           "a81f0c2 Fix rounding\n77b3e19 Bump version\n0c4d5aa Add French"),
          must=("Fix rounding", "Bump version", "Add French")),
    asked(ONE, "anything uncommitted in ~/code/site?", (DRAW, LOG, SMS, STATUS),
          (STATUS, {"repo_path": "~/code/site"}, '{"modified": ["index.html"], "untracked": []}'),
          must=("index.html",)),
    asked(ONE, "What's 418 * 37?", (STATUS, CALC, UNIT, COIN),
          (CALC, {"expr": ("418 * 37", "418*37")}, "15466"), must=(("15466", "15,466"),)),
    asked(ONE, "could you work out (1250 - 375) / 5 for me", (DICE, FX, CALC),
          (CALC, {"expr": ("(1250 - 375) / 5", "(1250-375)/5")}, '{"value": 175}'), must=("175",)),
    asked(ONE, "add 19.5 and 7.25", (LOG, DRAW, TIMES, SUM),
          (SUM, {"x": 19.5, "y": 7.25}, "26.75"), must=("26.75",)),
    asked(ONE, "What do I get if I multiply 64 by 129?", (SUM, TIMES, UNIT, STATUS, LOG, SMS),
          (TIMES, {"first": 64, "second": 129}, '{"product": 8256}'), must=(("8256", "8,256"),)),
    asked(ONE, "Convert 26 miles to kilometers.", (FX, UNIT, CALC),
          (UNIT, {"value": 26, "from_unit": ("miles", "mile"),
                  "to_unit": ("kilometers", "kilometer")}, "41.843"), must=("41.8",)),
    asked(ONE, "I have 350 USD left over from my trip. How much is that in EUR?",
          (FX, UNIT, DRAW, DEFINE),
          (FX, {"amount": 350, "base": "USD", "target": "EUR"},
           '{"amount": 321.65, "currency": "EUR"}'), must=("321.65",)),
    asked(ONE, "exchange rate from GBP to JPY?", (RATE, TODAY, CALC, DEFINE, UNIT),
          (RATE, {"from_currency": "GBP", "to_currency": "JPY"}, '{"rate": 191.27}'),
          must=("191.27",)),
    asked(ONE, "Pick a random number between 10 and 99", (RANDOM, SMS, COIN, SUM),
          (RANDOM, {"low": 10, "high": 99}, "57"), must=("57",)),
    asked(ONE, "Roll 2 dice with 20 sides each", (COIN, DICE),
          (DICE, {"sides": 20, "dice": 2}, '{"rolls": [4, 18], "total": 22}'),
          must=(("22", "18"),)),
    asked(ONE, "We can't agree on who does the dishes. Flip a coin!", (DICE, RANDOM, COIN),
          (COIN, {}, "tails"), must=("tails",)),
    asked(ONE, "what's today's date?", (TODAY, DRAW, AGENDA, DEFINE, UNIT),
          (TODAY, {}, "Monday, 3 March 2025"), must=("March",)),
    asked(ONE, 'Write an e-mail to lena.koch@example.com with the subject "Invoice 2207" and the '
          'message "Please find it attached."', (SMS, MAIL, POST),
          (MAIL, {"recipient": "lena.koch@example.com", "subject": "Invoice 2207",
                  "message": "Please find it attached."}, '{"status": "sent"}'), must=("sent",)),
    asked(ONE, 'Text +44 7700 900123: "Running ten minutes late"', (MAIL, SMS),
          (SMS, {"phone": "+44 7700 900123", "body": "Running ten minutes late"},
           "message sent"), must=("sent",)),
    asked(ONE, 'Post "Deploy finished" to #backend', (POST, TASK, MAIL),
          (POST, {"channel": ("#backend", "backend"), "message": "Deploy finished"},
           '{"ok": true, "channel": "#backend"}'), must=(("backend", "posted"),)),
    asked(ONE, "Remind me at 17:30 to water the plants.", (ALARM, TIMER, SMS, REMIND, TASK, STATUS),
          (REMIND, {"what": ("water the plants", "Water the plants"), "when": "17:30"},
           "Reminder set for 17:30"), must=("17:30",)),
    asked(ONE, "Set a timer for 25 minutes, please", (TIMER, ALARM),
          (TIMER, {"minutes": 25}, '{"running": true, "minutes": 25}'), must=("25",)),
    asked(ONE, "wake me up at 06:15 on weekdays", (TIMER, EVENT, ALARM, DEFINE, DRAW),
          (ALARM, {"time": "06:15", "repeat": "weekdays"}, "alarm set: 06:15 (weekdays)"),
          must=("06:15",)),
    asked(ONE, 'Put "Dentist" into my calendar on 2025-11-04 at 14:00.', (AGENDA, EVENT),
          (EVENT, {"title": "Dentist", "date": "2025-11-04", "start": "14:00"},
           '{"event_id": "ev_902", "title": "Dentist"}'), must=("Dentist",)),
    asked(ONE, "What have I got on 2025-12-01?", (EVENT, AGENDA, TASK),
          (AGENDA, {"date": "2025-12-01"},
           '[{"at": "09:00", "title": "Stand-up"}, {"at": "16:30", "title": "Choir"}]'),
          must=("Stand-up", "Choir")),
    asked(ONE, "Add 'renew passport' to my to-do list with high priority", (TASK, REMIND),
          (TASK, {"task": "renew passport", "priority": "high"}, "added as task 14"),
          must=(("14", "added", "passport"),)),
    asked(ONE, 'Please open an urgent ticket titled "Login page is blank".',
          (TICKET, CUSTOMER, LOG),
          (TICKET, {"title": "Login page is blank", "severity": "urgent"},
           '{"id": "SUP-3310", "state": "open"}'), must=("SUP-3310",)),
    asked(ONE, "Who is the customer with the address j.okafor@example.net?",
          (MAIL, CUSTOMER),
          (CUSTOMER, {"email": "j.okafor@example.net"},
           '{"customer": {"name": "Jide Okafor", "plan": "gold"}}'), must=("Jide Okafor",)),
    asked(ONE, "what does the word ephemeral mean", (TRANSLATE, DEFINE, DETECT),
          (DEFINE, {"word": "ephemeral"}, "lasting for a very short time"), must=("short",)),
    asked(ONE, 'How do you say "Where is the station?" in Italian?', (TRANSLATE, DETECT, DEFINE),
          (TRANSLATE, {"text": "Where is the station?", "into": "Italian"},
           "Dov'è la stazione?"), must=("stazione",)),
    asked(ONE, 'Which language is this: "Kde je nádraží?"', (DETECT, TRANSLATE),
          (DETECT, {"text": "Kde je nádraží?"}, '{"language": "Czech", "score": 0.98}'),
          must=("Czech",)),
    asked(ONE, 'Summarise this in 1 sentence: "The council met on Monday. It voted to rebuild the '
          'old bridge. Work starts in May."', (SUMMARY, TRANSLATE, DETECT),
          (SUMMARY, {"text": "The council met on Monday. It voted to rebuild the old bridge. "
                     "Work starts in May.", "sentences": 1},
           "The council will rebuild the bridge from May."), must=("bridge",)),
    asked(ONE, "Make me a large picture of a red fox in the snow", (DRAW, SAVE),
          (DRAW, {"prompt": ("a red fox in the snow", "red fox in the snow"), "size": "large"},
           '{"url": "https://img.example.com/f81.png"}'), must=("f81.png",)),
)  # fmt: skip
_OTHER: tuple[Case, ...] = (
    asked(TWO, "How many words do intro.txt and outro.txt have, each?", (WC, OPEN, SMS),
          (WC, {"document": "intro.txt"}, "412"), (WC, {"document": "outro.txt"}, "198"),
          must=("412", "198")),
    asked(TWO, "List the directory docs and then show me docs/index.md.", (OPEN, LS, RM),
          (LS, {"directory": "docs"}, '["index.md", "api.md"]'),
          (OPEN, {"file_path": "docs/index.md"}, "# Welcome to Harbour"), must=("Harbour",)),
    asked(TWO, "Get the customer with the address mia@example.org and send a text message to their "
          'phone saying "Your order is ready"', (CUSTOMER, SMS, MAIL),
          (CUSTOMER, {"email": "mia@example.org"}, '{"name": "Mia", "phone": "+15550172"}'),
          (SMS, {"phone": "+15550172", "body": "Your order is ready"}, "sent"), must=("sent",)),
    asked(TWO, "add 310 and 45, and also multiply 12 by 8", (SUM, TIMES),
          (SUM, {"x": 310, "y": 45}, "355"), (TIMES, {"first": 12, "second": 8}, "96"),
          must=("355", "96")),
    asked(TWO, "Look up the exchange rate from CHF to EUR, then from CHF to USD.",
          (DRAW, UNIT, RATE, CALC, SMS),
          (RATE, {"from_currency": "CHF", "to_currency": "EUR"}, '{"rate": 1.06}'),
          (RATE, {"from_currency": "CHF", "to_currency": "USD"}, '{"rate": 1.24}'),
          must=("1.06", "1.24")),
    asked(ERROR, "Read data/report.csv to me", (DEFINE, STATUS, OPEN),
          (OPEN, {"file_path": "data/report.csv"}, "Error: data/report.csv: no such file"),
          must=(("no such file", "not found", "doesn't exist", "does not exist", "not exist"),)),
    asked(ERROR, "Fetch http://intranet.example.com/menu please", (FETCH, OPEN, UNIT),
          (FETCH, {"url": "http://intranet.example.com/menu"},
           "Error: temporarily unavailable, please try again"),
          (FETCH, {"url": "http://intranet.example.com/menu"}, "Monday: lentil soup"),
          must=("lentil soup",)),
    asked(ERROR, "Delete tmp/cache.db", (RM, SAVE, LS),
          (RM, {"path": "tmp/cache.db"}, '{"error": "permission denied"}'),
          must=("permission",)),
    asked(NO_TOOL, "Order me a large pizza with mushrooms", (CALC, OPEN, DEFINE), must=(CANNOT,)),
    asked(NO_TOOL, "Text +1 555 0199 that I am on my way", (WC, AGENDA), must=(CANNOT,)),
    asked(NO_TOOL, "How warm is it in Lisbon right now?", (SUM, TIMES, COIN, RM), must=(CANNOT,)),
    asked(NO_TOOL, "Please translate 'good evening' into Polish.", (DICE,), must=(CANNOT,)),
    asked(MISSING, "Can you count the words of a document for me?", (WC, CALC),
          must=(("document", "file"), ("?", "please", "need"))),
    asked(MISSING, 'Send a text message saying "I will call you tonight".', (SMS, TIMER),
          must=(("phone", "number", "whom", "who "),)),
    asked(MISSING, "Convert 80 USD, please.", (FX, DEFINE), must=(("currency", "target"),)),
    asked(CHAT, "Thanks, that was all I needed!", (OPEN, LS, WC),
          must=(("welcome", "glad", "happy", "pleasure", "anytime", "any time"),)),
    asked(CHAT, "Good morning!", (CALC, MAIL),
          must=(("morning", "hello", "hi!", "hi,", "hi ", "help"),)),
    asked(CHAT, "hi there, how are you?", (PY, SQL, SH),
          must=(("hello", "hi!", "hi,", "hi ", "well", "fine", "good", "great", "help"),)),
)  # fmt: skip
CASES = tuple(dataclasses.replace(case, near=True) for case in (*_ONE, *_OTHER))
