"""The scripts that make a shell ask cli.py what can follow.

The answers are click's (`click.shell_completion`), asked for through its variable and in its
protocol. The scripts are ours, because click's know programs on the PATH alone, and `python cli.py`
is none: they answer for a command line whose first or second word is this very file, and pass all
others on to what completed them before.
"""

import shlex

COMPLETE_VARIABLE = "_CLI_PY_COMPLETE"  # as click derives it from the program's name, cli.py

_BASH = r"""
declare -gA _onnxproof_before

_onnxproof_completion() {
    local python=@PYTHON@ cli=@CLI@ type value file IFS=$'\n'
    local -a words=("${COMP_WORDS[@]}")
    local -i at=$COMP_CWORD
    if [[ ${words[0]##*/} == python* ]]; then
        words=("${words[@]:1}")
        at=at-1
        file=${words[0]}
    else
        file=$(type -P -- "${words[0]}")
    fi
    if ((at < 1)) || [[ ! $file -ef $cli ]]; then  # not ours
        local before=${_onnxproof_before[${COMP_WORDS[0]##*/}]}
        IFS=$' \t\n'
        [[ -z $before ]] || "$before" "$@"
        return
    fi
    if ((at > 2)) && [[ ${words[at-1]} == = && ${words[at-2]} == --* ]]; then  # --option=value
        words=("${words[@]:0:at-1}" "${words[@]:at}")
        at=at-1
    fi
    COMPREPLY=()
    compopt +o default +o bashdefault
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain)
                [[ $value != *[!A-Za-z0-9_.,:/@%+=-]* ]] || printf -v value %q "$value"
                COMPREPLY+=("$value")
                ;;
        esac
    done < <(env COMP_WORDS="${words[*]}" COMP_CWORD=$at @VARIABLE@=bash_complete \
        "$python" "$cli" 2> /dev/null)
}

_onnxproof_setup() {
    local name load
    for name in cli.py python python3; do
        if ! complete -p "$name" &> /dev/null; then  # what would be loaded when it is first needed
            for load in _comp_load _completion_loader; do
                declare -F $load > /dev/null && { $load "$name" &> /dev/null; break; }
            done
        fi
        if [[ $(complete -p "$name" 2> /dev/null) =~ \ -F\ ([^ ]+) \
            && ${BASH_REMATCH[1]} != _onnxproof_completion ]]; then
            _onnxproof_before[$name]=${BASH_REMATCH[1]}
        fi
        complete -o nosort -o bashdefault -o default -F _onnxproof_completion "$name"
    done
}

_onnxproof_setup
unset -f _onnxproof_setup
"""

_ZSH = r"""
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
typeset -gA _onnxproof_before

_onnxproof_completion() {
    local python=@PYTHON@ cli=@CLI@ file kind key descr
    local -a given=("${words[@]}") response plain described
    local -i at=$((CURRENT - 1))
    if [[ ${given[1]:t} == python* ]]; then
        shift given
        at=at-1
        file=${(Q)given[1]}
    else
        file=${(Q)given[1]}
        [[ $file == */* ]] || file=${commands[$file]}
    fi
    if (( at < 1 )) || [[ ! $file -ef $cli ]]; then  # not ours
        ${_onnxproof_before[${words[1]:t}]:-_default} "$@"
        return
    fi
    response=("${(@f)$(env COMP_WORDS="${(F)given}" COMP_CWORD=$at @VARIABLE@=zsh_complete \
        "$python" "$cli" 2> /dev/null)}")
    for kind key descr in "${response[@]}"; do
        case $kind in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) [[ $descr == _ ]] && plain+=("$key") || described+=("$key:$descr") ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
}

() {
    local name
    for name in cli.py python python3; do
        [[ -z ${_comps[$name]} || ${_comps[$name]} == _onnxproof_completion ]] \
            || _onnxproof_before[$name]=${_comps[$name]}
        compdef _onnxproof_completion $name
    done
}
"""

_FISH = r"""
function _onnxproof_words --description 'The words from cli.py on; fails where it is another file'
    set --local given (commandline --cut-at-cursor --tokenize --current-process)
    set --local file $given[1]
    if string match --quiet --regex '(^|/)python[0-9.]*$' -- $file
        set --erase given[1]
        set file $given[1]
    else if not string match --quiet '*/*' -- $file
        set file (command --search -- $file)
    end
    test (count $given) -ge 1; and test -n "$file"; or return 1
    test "$(realpath -- $file 2> /dev/null)" = @CLI@; or return 1
    string escape -- $given
end

function _onnxproof_completion
    set --local words (_onnxproof_words | string collect)
    set --local response (env COMP_WORDS=$words COMP_CWORD=(commandline --current-token) \
        @VARIABLE@=fish_complete @PYTHON@ @CLI@ 2> /dev/null)
    for completion in $response
        set --local item (string split --max 1 , -- $completion)
        switch $item[1]
            case dir
                __fish_complete_directories $item[2]
            case file
                __fish_complete_path $item[2]
            case plain
                echo $item[2]
        end
    end
end

for name in cli.py python python3
    complete --command $name --no-files --condition '_onnxproof_words > /dev/null' \
        --arguments '(_onnxproof_completion)'
end
"""

_SCRIPTS = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def completion_script(shell: str, *, python: str, cli: str) -> str:
    """Return the script for a shell: bash 4.4 or newer, zsh, or fish.

    Args:
        shell: its name.
        python: the interpreter that answers.
        cli: absolute path of cli.py, with links resolved.
    """
    script = _SCRIPTS[shell].lstrip("\n")
    places = {"@PYTHON@": shlex.quote(python), "@CLI@": shlex.quote(cli)}
    for name, value in {**places, "@VARIABLE@": COMPLETE_VARIABLE}.items():
        script = script.replace(name, value)
    return script
