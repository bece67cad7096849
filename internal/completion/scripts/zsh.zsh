#compdef ocgo-key
# zsh completion for ocgo-key: as _ocgo-key in a folder of fpath, or sourced after compinit.

_ocgo-key() {
    local program=${${(Q)words[1]}/#\~\//$HOME/} answer directive
    local -a typed lines
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    ((CURRENT > 2)) || typed=("${(Q)PREFIX}")
    answer=$("$program" __complete zsh "${typed[@]}" 2>/dev/null) || return 1
    lines=("${(@f)answer}")
    directive=$lines[1]
    shift lines
    case $directive in
    values)
        ((${#lines})) || return 1
        _describe -t values 'ocgo-key' lines
        ;;
    file*)
        [[ $directive == 'file ' ]] || compset -P '*='
        _files
        ;;
    command*)
        local skip=$((${directive#command } + 1))
        shift $skip words
        ((CURRENT -= skip))
        _normal
        ;;
    esac
}

if [[ $funcstack[1] == _ocgo-key ]]; then
    _ocgo-key "$@"
elif ((${+functions[compdef]})); then
    compdef _ocgo-key ocgo-key
fi
