#compdef toolrun
# Completes toolrun in zsh. Made by `python -m toolrun.cli.shells` from the commands themselves.

_toolrun_has() {
  case $1 in
    '')
      commands=('run:Ask once: the answer on stdout, what happens on stderr' 'chat:Talk with a model that has tools' 'serve:Serve the OpenAI API; tools run here, reasoning survives' 'replay:Show a recorded session again, or check that it holds' 'trace:Check, show, compare and export recorded sessions' 'sessions:List, show and remove the sessions that a store keeps' 'init:Make a project: a tool, settings, a test that passes' 'demo:One session, explained step by step; it needs no server' 'doctor:Check a server: what it keeps, loses, and what mends it' 'tools:List, check, call and show the tools of a session' 'sandbox:List, show, check profiles; run a command in a box' 'completion:Print what completes commands in a shell')
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help' '--version:flag:Show the version')
      takes=() ;;
    run)
      commands=()
      options=('--model:text:Name that the server serves the model under; nano, without --base-url: the toy that comes with toolrun[embedded], and needs no server' '--base-url:text:Base URL of the server, with its /v1' '--api-key:text:Bearer token' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, llama.cpp, generic, with a version or without' '--extra-body:text:JSON object: more fields of each request' '--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--via:of,auto,chat,responses,harmony:How the server is sampled; auto by default' '--effort:of,low,medium,high:How long the model reasons' '--instructions:text:The developer'"'"'s words to the model' '--temperature:text:Of the sampling' '--top-p:text:Of the sampling' '--max-tokens:text:Tokens a step may take' '--seed:text:Of the sampling' --limits-steps:text:Samplings '--limits-tool-calls:text:Tool calls' '--limits-seconds:text:Wall time; inf for no end' '--limits-repeats:text:Times that the same call may be made' '--trace:file:File to write a trace to' '--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--id:text:Name of the new session; a random one by default' '--resume:session:Go on with this session: with PROMPT, or without one where it was stopped' '--approve-call:text:With --resume: this call, which waits, is run' '--deny-call:text:With --resume: this call, which waits, is not run' '--reason:text:What the model is told of the calls that are denied' '--json:flag:All events on stdout, one JSON a line' '--output:file:File with a JSON Schema: the answer is JSON that fits' '--approve:of,ask,all,none:Who decides on calls that ask for approval' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(text) ;;
    chat)
      commands=()
      options=('--model:text:Name that the server serves the model under; nano, without --base-url: the toy that comes with toolrun[embedded], and needs no server' '--base-url:text:Base URL of the server, with its /v1' '--api-key:text:Bearer token' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, llama.cpp, generic, with a version or without' '--extra-body:text:JSON object: more fields of each request' '--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--via:of,auto,chat,responses,harmony:How the server is sampled; auto by default' '--effort:of,low,medium,high:How long the model reasons' '--instructions:text:The developer'"'"'s words to the model' '--temperature:text:Of the sampling' '--top-p:text:Of the sampling' '--max-tokens:text:Tokens a step may take' '--seed:text:Of the sampling' --limits-steps:text:Samplings '--limits-tool-calls:text:Tool calls' '--limits-seconds:text:Wall time; inf for no end' '--limits-repeats:text:Times that the same call may be made' '--trace:file:File to write a trace to' '--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--resume:session:Go on with this session; without ID pick one of all' '--continue:flag:Go on with the last session of this folder, or else the last of all' '-c:flag:Go on with the last session of this folder, or else the last of all' '--id:text:Name of the new session; a random one by default' '--no-store:flag:Store nothing: what is said ends with the process' '--screen-reader:flag:Only write lines, with words in place of glyphs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    serve)
      commands=()
      options=('--model:text:Name that the server serves the model under; nano, without --base-url: the toy that comes with toolrun[embedded], and needs no server' '--base-url:text:Base URL of the server, with its /v1' '--api-key:text:Bearer token' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, llama.cpp, generic, with a version or without' '--extra-body:text:JSON object: more fields of each request' '--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--via:of,auto,chat,responses,harmony:How the server is sampled; auto by default' '--effort:of,low,medium,high:How long the model reasons' '--instructions:text:The developer'"'"'s words to the model' '--temperature:text:Of the sampling' '--top-p:text:Of the sampling' '--max-tokens:text:Tokens a step may take' '--seed:text:Of the sampling' --limits-steps:text:Samplings '--limits-tool-calls:text:Tool calls' '--limits-seconds:text:Wall time; inf for no end' '--limits-repeats:text:Times that the same call may be made' '--trace:file:File to write a trace to' '--host:text:Address to listen on; another than loopback needs keys' '--port:text:Port to listen on, 8080 by default; 0 for any' '--api-key-file:file:File of the keys that clients need, KEY or NAME KEY a line; or TOOLRUN_SERVE_KEYS' '--store:text:Where the reasoning of clients that run their own tools is kept, for several processes: sqlite:///FILE or postgresql://USER@HOST/NAME' '--grace:text:Seconds that requests may take after SIGTERM, 30 by default' '--max-body:text:Bytes of a request, 4 MiB by default' '--in-flight:text:Requests at once, 64 by default' '--requests-per-minute:text:Requests; any number by default' '--tokens-per-minute:text:Of prompts and completions; any by default' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    replay)
      commands=()
      options=('--speed:text:1: the original pace, but no wait longer than 2 s, the default at a terminal; 2: twice as fast; max: at once, the default elsewhere' '--step:flag:Wait for a key before each step' '--quiet:flag:Only whether it is identical' '--check:flag:Replay all, a line each; 1 where one differs' '--strictness:of,strict,semantic,loose:strict: every byte; semantic: messages and calls; loose: the order of steps' '--exit-first:flag:Stop at the first difference' '-x:flag:Stop at the first difference' '--against:text:Base URL of a server: its model gets the recorded words and results' '--model:text:Its name there; the recorded one by default' '--via:of,auto,chat,responses,harmony:How the server is sampled; as recorded by default' '--api-key:text:Bearer token; TOOLRUN_API_KEY is better' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so' '--extra-body:text:Fields of each request, over those' '--fail-on:of,calls,answer,none:What ends with 1: other calls or ends of turns; other answers, too; nothing' '--record:file:Keep the traces of what it did' '--json:flag:What was found as one JSON object; with --check or --against' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file+) ;;
    trace)
      commands=('check:Check traces: each line, their order, and what they say of each other' 'show:Show a recorded session: what was said and done, how long, how much' 'diff:Tell in what two recorded sessions differ' 'view:Make a page of a trace, or of a folder, and open it in the browser' 'minimize:Write the smallest trace that still fails' 'redact:Write a trace again without secrets' 'migrate:Write traces of an older format again in the newest' 'to-test:Write a test for pytest from a trace' 'export:Write what traces hold to stdout, in another form')
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'trace check')
      commands=()
      options=('--json:flag:One JSON object with all, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file+) ;;
    'trace show')
      commands=()
      options=('--turn:text:Only this turn, from 1' '--step:text:Only this step of each turn, from 1' '--no-reasoning:flag:Leave the chain of thought out' '--full:flag:Long results and arguments in full' '--events:flag:All events instead, a line each' '--json:flag:All events as JSON, one a line, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file) ;;
    'trace diff')
      commands=()
      options=('--exact:flag:Ids, times and all other fields, too' '--json:flag:One JSON object with all, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file file) ;;
    'trace view')
      commands=()
      options=('--output:file:Where the page goes; a folder for a folder' '-o:file:Where the page goes; a folder for a folder' '--serve:flag:Serve the pages on 127.0.0.1 until Ctrl-C' '--port:text:The port of --serve; any that is free by default' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file) ;;
    'trace minimize')
      commands=()
      options=('--output:file:Where it is written to' '-o:file:Where it is written to' '--while:text:Keep what lets this command fail; {} in it, or its last word, is the trace' '--tries:text:Traces to try at most; 1000 by default' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file) ;;
    'trace redact')
      commands=()
      options=('--secret-env:text:The name of a variable whose value is a secret' '--secret-file:file:A file with secrets, one a line; - is stdin' '--pattern:text:A regular expression: its match, or group 1, is a secret' '--force:flag:Overwrite the target' '--json:flag:For programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file file) ;;
    'trace migrate')
      commands=()
      options=('--output:file:The folder that the new files go to' '--in-place:flag:Put the new file in the place of the old' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file+) ;;
    'trace to-test')
      commands=()
      options=('--output:file:The test; test_NAME.py in this folder by default' '-o:file:The test; test_NAME.py in this folder by default' '--tools:tools:The tools themselves, as toolrun run takes them; stand-ins by default' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file) ;;
    'trace export')
      commands=()
      options=('--chat:flag:The messages of each turn, one JSON a line, to fine-tune gpt-oss on' '--markdown:flag:A document for people to read' '--tokens:flag:The tokens of each turn, one JSON a line: ready for training' '--steps:flag:With --chat: a line for each step, which is what it teaches' '--unfinished:flag:With --chat: limited, failed and other unfinished turns, too' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(file+) ;;
    sessions)
      commands=('list:List the sessions of a store, the newest first' 'show:Show a session: what was said and done' 'rm:Remove sessions, and all that belongs to them' 'purge:Remove the sessions that are old')
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'sessions list')
      commands=()
      options=('--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--tenant:text:Only those of this tenant' '--status:of,new,running,finished,parked,limited,cancelled,failed:Only those whose last turn ended like this' '--search:text:Only those in whose words or id it is found' '--older-than:text:Only those untouched for so long, such as 30d' '--limit:text:How many at most; 100 by default' '--json:flag:An object a line, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'sessions show')
      commands=()
      options=('--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--tenant:text:Whose it must be' '--turn:text:Only this turn, from 1' '--no-reasoning:flag:Leave the chain of thought out' '--full:flag:Long results and arguments in full' '--json:flag:All events as JSON, one a line, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(session) ;;
    'sessions rm')
      commands=()
      options=('--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--tenant:text:Whose they must be' '--yes:flag:Do not ask' '-y:flag:Do not ask' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(session+) ;;
    'sessions purge')
      commands=()
      options=('--older-than:text:Those whose last event is as old: 30d, 12h, 90m, 2w' '--store:text:sqlite:///FILE or postgresql://USER@HOST/NAME; a SQLite file below your state folder by default' '--tenant:text:Only those of this tenant' '--status:of,new,running,finished,parked,limited,cancelled,failed:Only those whose last turn ended like this' '--dry-run:flag:List what would be removed, and remove nothing' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    init)
      commands=()
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(folder) ;;
    demo)
      commands=()
      options=('--model:text:Name that the server serves the model under; nano, without --base-url: the toy that comes with toolrun[embedded], and needs no server' '--base-url:text:Base URL of the server, with its /v1' '--api-key:text:Bearer token' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, llama.cpp, generic, with a version or without' '--extra-body:text:JSON object: more fields of each request' '--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--via:of,auto,chat,responses,harmony:How the server is sampled; auto by default' '--effort:of,low,medium,high:How long the model reasons' '--instructions:text:The developer'"'"'s words to the model' '--temperature:text:Of the sampling' '--top-p:text:Of the sampling' '--max-tokens:text:Tokens a step may take' '--seed:text:Of the sampling' --limits-steps:text:Samplings '--limits-tool-calls:text:Tool calls' '--limits-seconds:text:Wall time; inf for no end' '--limits-repeats:text:Times that the same call may be made' '--trace:file:File to write a trace to' '--server-note:text:What to say about the server at the start' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(text) ;;
    doctor)
      commands=()
      options=('--model:text:Name that the server serves the model under; nano, without --base-url: the toy that comes with toolrun[embedded], and needs no server' '--base-url:text:Base URL of the server, with its /v1' '--api-key:text:Bearer token' '--dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic:What the server is, where it does not say so: vllm, ollama, lm-studio, litellm, llama.cpp, generic, with a version or without' '--extra-body:text:JSON object: more fields of each request' '--json:flag:The report as one JSON object, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(text) ;;
    tools)
      commands=('list:List the tools: where each of them runs, what it does, whether it asks for approval' 'check:Check every tool: its definition, its schema, and that its sandbox can import it' 'call:Call a tool as a session would: its result on stdout, what it prints on stderr' 'schema:Show the JSON that is sent to the model for the tools')
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'tools list')
      commands=()
      options=('--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--json:flag:As JSON, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'tools check')
      commands=()
      options=('--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--json:flag:As JSON, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'tools call')
      commands=()
      options=('--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--json:flag:The events of the call, one JSON a line' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(text text+) ;;
    'tools schema')
      commands=()
      options=('--tools:tools:Built in: python, shell, files, browser' '--secrets:text:Environment variable that tools may declare as a secret' '--workspace:folder:Folder that sandboxed tools may see' '--profile:profile:Sandbox profile: a name, or a TOML file' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the sandboxes: bubblewrap, sandlock, container, podman:RUNTIME; the first that holds here by default' '--json:flag:In one line' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(text) ;;
    sandbox)
      commands=('profiles:List the profiles that ship: what each is for, and what it may touch' 'show:Show a profile with all that it extends: each value, and the file that it stands in' 'seccomp:Print the seccomp profile for a container that toolrun runs in' 'check:Check that this machine holds what a profile needs: each probe, and what would fix it' 'run:Run a command in a box, as a tool would: toolrun sandbox run pure -- python3 -c "print(1)"')
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'sandbox profiles')
      commands=()
      options=('--json:flag:As JSON, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'sandbox show')
      commands=()
      options=('--json:flag:As JSON, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(profile) ;;
    'sandbox seccomp')
      commands=()
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=() ;;
    'sandbox check')
      commands=()
      options=('--workspace:folder:Folder that the profile may show; an empty one by default' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the boxes: bubblewrap, sandlock, container; see the settings' '--json:flag:As JSON, for programs' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(profile) ;;
    'sandbox run')
      commands=()
      options=('--workspace:folder:Folder that the profile may show; none by default' '--timeout:text:Shorter than the profile'"'"'s own' '--env:text:A variable beside the profile'"'"'s' '--backend:of,bubblewrap,sandlock,container,podman,docker:What makes the boxes: bubblewrap, sandlock, container; see the settings' '--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(profile text+) ;;
    completion)
      commands=()
      options=('--debug:flag:Show the traceback of an error' '--config:file:Settings; toolrun.toml of this folder by default' '--log-level:of,debug,info,warning,error:What is logged to stderr; warning by default' '--help:flag:Show this help' '-h:flag:Show this help')
      takes=(of,bash,zsh,fish) ;;
    *) commands=() options=() takes=() ;;
  esac
}

_toolrun_values() {
  case $1 in
    file) _files ;;
    folder) _files -/ ;;
    profile) compadd -- net pure python shell workspace workspace-ro; _files -g '*.toml' ;;
    tools)
      compset -P '*,'
      compadd -S '' -- browser files python shell
      [[ -z $IPREFIX ]] && _files ;;
    session)
      local -a lines
      lines=(${(f)"$("$words[1]" completion --sessions 2>/dev/null </dev/null)"})
      (($#lines)) && compadd -V sessions -d lines -- "${(@)lines%%$'\t'*}" ;;
    of,*) compadd -- ${(s:,:)${1#of,}} ;;
  esac
}

_toolrun() {
  local cur=$words[CURRENT] place= kind= word each
  local -i at=0 i
  local -a commands options takes shown
  _toolrun_has ''
  for ((i = 2; i < CURRENT; i++)); do
    word=$words[i]
    if [[ -n $kind ]]; then
      kind=
    elif [[ $word == -- ]]; then
      _files
      return
    elif [[ $word == -* ]]; then
      for each in $options; do
        [[ ${each%%:*} == $word && ${${each#*:}%%:*} != flag ]] && kind=${${each#*:}%%:*}
      done
    elif ((${commands[(I)$word:*]})); then
      place="${place:+$place }$word"
      _toolrun_has $place
    else
      at+=1
    fi
  done
  if [[ -z $kind && $cur == --*=* ]]; then
    for each in $options; do
      [[ ${each%%:*} == ${cur%%=*} ]] && kind=${${each#*:}%%:*}
    done
    compset -P '*='
  fi
  if [[ -n $kind ]]; then
    _toolrun_values $kind
  elif [[ $cur == -* ]]; then
    for each in $options; do
      shown+=("${each%%:*}:${each#*:*:}")
    done
    _describe -o option shown
  elif (($#commands)); then
    _describe command commands
  elif (($#takes)); then
    _toolrun_values ${takes[at < $#takes ? at + 1 : $#takes]%+}
  fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _toolrun "$@"
else
  compdef _toolrun toolrun
fi
