# bash completion for the qnt tools: the options that --help lists, else file names.
_qnt_tool() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2> /dev/null | grep -oE -e '--[a-z][a-z0-9-]*')" -- "$word")
    fi
}
complete -o default -F _qnt_tool qbench qinfo qquant qrun qserve qtrain
