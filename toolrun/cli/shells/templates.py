"""What is the same in each script of a shell, whatever the commands are?

`@NAME@` stands for what is made of them.
"""

from __future__ import annotations

from typing import Final

BASH: Final = r"""# Completes toolrun in bash. @made@

_toolrun_has() {
  case $1 in
@table@
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
      _toolrun_offer @profiles@ ;;
    tools)
      [[ $cur == *,* ]] && before=${cur%,*},
      local list=(@tools@)
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
"""

ZSH: Final = r"""#compdef toolrun
# Completes toolrun in zsh. @made@

_toolrun_has() {
  case $1 in
@table@
    *) commands=() options=() takes=() ;;
  esac
}

_toolrun_values() {
  case $1 in
    file) _files ;;
    folder) _files -/ ;;
    profile) compadd -- @profiles@; _files -g '*.toml' ;;
    tools)
      compset -P '*,'
      compadd -S '' -- @tools@
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
"""

FISH: Final = r"""# Completes toolrun in fish. @made@

function __toolrun_at -d 'Whether this command is being typed'
    set -l path
    set -l skip 0
    set -l words (commandline -opc)
    for word in $words[2..]
        if test $skip -eq 1
            set skip 0
        else if string match -q -- '-*' $word
            contains -- $word @before@; and set skip 1
        else if contains -- "$path" @groups@
            set -a path $word
        else
            break
        end
    end
    test "$path" = "$argv[1]"
end

function __toolrun_profile
    printf '%s\n' @profiles@
    __fish_complete_suffix .toml
end

function __toolrun_tools
    set -l before (string replace -rf '[^,]*$' '' -- (commandline -ct))
    printf '%s\n' $before{@tools@}
    test -z "$before"; and __fish_complete_path (commandline -ct)
end

function __toolrun_session
    set -l words (commandline -opc)
    $words[1] completion --sessions 2>/dev/null </dev/null
end

complete -c toolrun -f"""
