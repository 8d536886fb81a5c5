# Completes toolrun in bash. Made by `python -m toolrun.cli.shells` from the commands themselves.

_toolrun_has() {
  case $1 in
    '')
      commands=(run chat serve replay trace sessions init demo doctor tools sandbox completion)
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag --version:flag)
      takes=() ;;
    run)
      commands=()
      options=(--model:text --base-url:text --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --via:of,auto,chat,responses,harmony --effort:of,low,medium,high --instructions:text --temperature:text --top-p:text --max-tokens:text --seed:text --limits-steps:text --limits-tool-calls:text --limits-seconds:text --limits-repeats:text --trace:file --store:text --id:text --resume:session --approve-call:text --deny-call:text --reason:text --json:flag --output:file --approve:of,ask,all,none --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(text) ;;
    chat)
      commands=()
      options=(--model:text --base-url:text --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --via:of,auto,chat,responses,harmony --effort:of,low,medium,high --instructions:text --temperature:text --top-p:text --max-tokens:text --seed:text --limits-steps:text --limits-tool-calls:text --limits-seconds:text --limits-repeats:text --trace:file --store:text --resume:session --continue:flag -c:flag --id:text --no-store:flag --screen-reader:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    serve)
      commands=()
      options=(--model:text --base-url:text --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --via:of,auto,chat,responses,harmony --effort:of,low,medium,high --instructions:text --temperature:text --top-p:text --max-tokens:text --seed:text --limits-steps:text --limits-tool-calls:text --limits-seconds:text --limits-repeats:text --trace:file --host:text --port:text --api-key-file:file --store:text --grace:text --max-body:text --in-flight:text --requests-per-minute:text --tokens-per-minute:text --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    replay)
      commands=()
      options=(--speed:text --step:flag --quiet:flag --check:flag --strictness:of,strict,semantic,loose --exit-first:flag -x:flag --against:text --model:text --via:of,auto,chat,responses,harmony --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --fail-on:of,calls,answer,none --record:file --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file+) ;;
    trace)
      commands=(check show diff view minimize redact migrate to-test export)
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'trace check')
      commands=()
      options=(--json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file+) ;;
    'trace show')
      commands=()
      options=(--turn:text --step:text --no-reasoning:flag --full:flag --events:flag --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file) ;;
    'trace diff')
      commands=()
      options=(--exact:flag --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file file) ;;
    'trace view')
      commands=()
      options=(--output:file -o:file --serve:flag --port:text --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file) ;;
    'trace minimize')
      commands=()
      options=(--output:file -o:file --while:text --tries:text --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file) ;;
    'trace redact')
      commands=()
      options=(--secret-env:text --secret-file:file --pattern:text --force:flag --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file file) ;;
    'trace migrate')
      commands=()
      options=(--output:file --in-place:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file+) ;;
    'trace to-test')
      commands=()
      options=(--output:file -o:file --tools:tools --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file) ;;
    'trace export')
      commands=()
      options=(--chat:flag --markdown:flag --tokens:flag --steps:flag --unfinished:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(file+) ;;
    sessions)
      commands=(list show rm purge)
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'sessions list')
      commands=()
      options=(--store:text --tenant:text --status:of,new,running,finished,parked,limited,cancelled,failed --search:text --older-than:text --limit:text --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'sessions show')
      commands=()
      options=(--store:text --tenant:text --turn:text --no-reasoning:flag --full:flag --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(session) ;;
    'sessions rm')
      commands=()
      options=(--store:text --tenant:text --yes:flag -y:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(session+) ;;
    'sessions purge')
      commands=()
      options=(--older-than:text --store:text --tenant:text --status:of,new,running,finished,parked,limited,cancelled,failed --dry-run:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    init)
      commands=()
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(folder) ;;
    demo)
      commands=()
      options=(--model:text --base-url:text --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --via:of,auto,chat,responses,harmony --effort:of,low,medium,high --instructions:text --temperature:text --top-p:text --max-tokens:text --seed:text --limits-steps:text --limits-tool-calls:text --limits-seconds:text --limits-repeats:text --trace:file --server-note:text --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(text) ;;
    doctor)
      commands=()
      options=(--model:text --base-url:text --api-key:text --dialect:of,vllm,ollama,lm-studio,litellm,llama.cpp,generic --extra-body:text --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(text) ;;
    tools)
      commands=(list check call schema)
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'tools list')
      commands=()
      options=(--tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'tools check')
      commands=()
      options=(--tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'tools call')
      commands=()
      options=(--tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(text text+) ;;
    'tools schema')
      commands=()
      options=(--tools:tools --secrets:text --workspace:folder --profile:profile --backend:of,bubblewrap,sandlock,container,podman,docker --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(text) ;;
    sandbox)
      commands=(profiles show seccomp check run)
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'sandbox profiles')
      commands=()
      options=(--json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'sandbox show')
      commands=()
      options=(--json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(profile) ;;
    'sandbox seccomp')
      commands=()
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=() ;;
    'sandbox check')
      commands=()
      options=(--workspace:folder --backend:of,bubblewrap,sandlock,container,podman,docker --json:flag --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(profile) ;;
    'sandbox run')
      commands=()
      options=(--workspace:folder --timeout:text --env:text --backend:of,bubblewrap,sandlock,container,podman,docker --debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(profile text+) ;;
    completion)
      commands=()
      options=(--debug:flag --config:file --log-level:of,debug,info,warning,error --help:flag -h:flag)
      takes=(of,bash,zsh,fish) ;;
    *) commands=() options=() takes=() ;;
  esac
}

_toolrun_offer() { # words that begin as what is typed; none of them is expanded
  local word
  for word; do
    [[ $word == "$cur"* ]] || continue
    [[ $word == *[!A-Za-z0-9_.,:@%+/=-]* ]] && printf -v word %q "$word"
    COMPREPLY+=("$word")
  done
}

_toolrun_values() {
  local IFS=$' \t\n' lines before=
  case $1 in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    folder) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    profile)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -X '!*.toml' -- "$cur")
      _toolrun_offer net pure python shell workspace workspace-ro ;;
    tools)
      [[ $cur == *,* ]] && before=${cur%,*},
      local list=(browser files python shell)
      if [[ -z $before ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      fi
      _toolrun_offer "${list[@]/#/$before}" ;;
    session)
      mapfile -t lines < <("${COMP_WORDS[0]}" completion --sessions 2>/dev/null </dev/null)
      _toolrun_offer "${lines[@]%%$'\t'*}" ;;
    of,*) IFS=,; _toolrun_offer ${1#of,} ;;
  esac
}

_toolrun() {
  local cur=${COMP_WORDS[COMP_CWORD]} path= kind= at=0 i word each commands options takes
  COMPREPLY=()
  _toolrun_has ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if [[ $word == '=' ]]; then
      continue
    elif [[ -n $kind ]]; then
      kind=
    elif [[ $word == -- ]]; then
      return
    elif [[ $word == -* ]]; then
      for each in "${options[@]}"; do
        [[ ${each%%:*} == "$word" && ${each#*:} != flag ]] && kind=${each#*:}
      done
    elif [[ " ${commands[*]} " == *" $word "* ]]; then
      path="${path:+$path }$word"
      _toolrun_has "$path"
    else
      ((at++))
    fi
  done
  [[ $cur == '=' ]] && cur=
  if [[ -n $kind ]]; then
    _toolrun_values "$kind"
  elif [[ $cur == -* ]]; then
    _toolrun_offer "${options[@]%%:*}"
  elif ((${#commands[@]})); then
    _toolrun_offer "${commands[@]}"
  elif ((${#takes[@]})); then
    ((at < ${#takes[@]})) || at=$((${#takes[@]} - 1))
    _toolrun_values "${takes[at]%+}"
  fi
}

complete -F _toolrun toolrun
