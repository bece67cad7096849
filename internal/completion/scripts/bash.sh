# bash completion for ocgo-key, for bash 3.2 and newer. It uses bash-completion if that is loaded.

# Splits the text before the cursor into words as they were typed. For each word it finds the index
# of its beginning in COMP_WORDS, which is also split at =, : and @.
__ocgo_key_words() {
    local rest=${COMP_LINE:0:COMP_POINT} word i
    words=() starts=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${rest#"${rest%%[![:space:]]*}"}
        if [[ $word != "$rest" || ${#words[@]} -eq 0 ]]; then
            words+=("") starts+=("$i")
        fi
        rest=$word
        if [[ $rest == "${COMP_WORDS[i]}"* ]]; then
            word=${COMP_WORDS[i]}
        fi
        words[${#words[@]} - 1]+=$word
        rest=${rest#"$word"}
    done
}

__ocgo_key_files() {
    if ! compopt -o default -o bashdefault 2>/dev/null; then
        local IFS=$'\n'
        COMPREPLY=($(compgen -f -- "$1"))
    fi
}

_ocgo_key() {
    local program=${1/#\~\//$HOME/} reply line index
    local -a words starts
    COMPREPLY=()
    __ocgo_key_words
    index=$((${#words[@]} - 1))
    if [[ ${words[index]} == [\<\>]* || ${words[index - 1]} =~ ^[0-9]*[\<\>]+$ ]]; then
        __ocgo_key_files "$2"
        return
    fi
    reply=$("$program" __complete bash "$COMP_WORDBREAKS" "${words[@]:1}" 2>/dev/null) || return
    case $reply in
    values) ;;
    values*)
        reply=${reply#values}
        while IFS= read -r line; do
            COMPREPLY+=("$line")
        done <<<"${reply#$'\n'}"
        ;;
    file*)
        __ocgo_key_files "$2"
        ;;
    command*)
        index=$((${reply#command } + 1))
        if declare -F _comp_command_offset >/dev/null; then
            _comp_command_offset "${starts[index]}"
        elif declare -F _command_offset >/dev/null; then
            _command_offset "${starts[index]}"
        elif ((index == ${#words[@]} - 1)); then
            local IFS=$'\n'
            COMPREPLY=($(compgen -c -- "$2"))
        else
            __ocgo_key_files "$2"
        fi
        ;;
    esac
}

complete -F _ocgo_key ocgo-key
