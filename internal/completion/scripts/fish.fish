# fish completion for ocgo-key, for fish 3.1 and newer.

function __ocgo_key_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -e words[1]
    # A word with an open quote cannot be parsed, so the quote is removed.
    set -l plain (string unescape -- $current; or string trim -l -c '\'"' -- $current)
    set -l answer ($program __complete fish $words "$plain" 2>/dev/null)
    or return
    set -l directive (string split -m 1 ' ' -- $answer[1])
    switch $directive[1]
        case values
            printf '%s\n' $answer[2..-1]
        case file
            set -l before $directive[2]
            for file in (__fish_complete_path (string replace -- "$before" '' $current))
                echo $before$file
            end
        case command
            set -l first (math $directive[2] + 1)
            set -l line $current
            if test $first -le (count $words)
                set line (string escape -- $words[$first..-1]) $current
            end
            complete -C (string join ' ' -- $line)
    end
end

complete -c ocgo-key -f -a '(__ocgo_key_complete)'
