package mistake

import "strings"

// NearWord returns the hint for a word that is not a command here, but is one in another program.
// The table is in the function because a package variable would be built at each start.
func NearWord(word string) (next string, ok bool) {
	near := map[string]string{
		"login":  "`ocgo-key add LABEL` adds an account",
		"auth":   "`ocgo-key add LABEL` adds an account; `ocgo-key list` shows them",
		"new":    "`ocgo-key add LABEL` adds an account",
		"create": "`ocgo-key add LABEL` adds an account",
		"set":    "`ocgo-key add LABEL` adds an account; `ocgo-key config` shows and changes settings",

		"logout": "`ocgo-key remove LABEL` removes an account and its key",
		"delete": "`ocgo-key remove LABEL` removes an account and its key",
		"del":    "`ocgo-key remove LABEL` removes an account and its key",

		"accounts": "`ocgo-key list` lists the accounts",
		"keys":     "`ocgo-key list` lists the accounts",
		"show":     "`ocgo-key status` shows usage and states; `ocgo-key current` the account of this folder",

		"usage": "`ocgo-key status` shows the usage of each account",
		"quota": "`ocgo-key status` shows the usage of each account",
		"top":   "`ocgo-key status --watch` shows usage and states until you stop it",
		"watch": "`ocgo-key status --watch` shows usage and states until you stop it",
		"info":  "`ocgo-key status` shows usage and states; `ocgo-key doctor` finds problems",

		"log":    "`ocgo-key history` shows past switches",
		"logs":   "`ocgo-key history` shows past switches",
		"events": "`ocgo-key history` shows past switches",

		"exec":     "`ocgo-key run -- COMMAND` runs a command on the pool",
		"start":    "`ocgo-key run` starts OpenCode on the pool",
		"open":     "`ocgo-key run` starts OpenCode on the pool",
		"opencode": "`ocgo-key run -- opencode` starts OpenCode on the pool",

		"switch": "`ocgo-key use LABEL` chooses an account; `ocgo-key rotate` switches to the next",
		"select": "`ocgo-key use LABEL` chooses an account",
		"choose": "`ocgo-key use LABEL` chooses an account",

		"update":  "`ocgo-key replace LABEL` gives an account a new key; the program is updated as it was installed",
		"upgrade": "`ocgo-key replace LABEL` gives an account a new key; the program is updated as it was installed",
		"edit":    "`ocgo-key rename` changes a label, `ocgo-key replace` a key, `ocgo-key config` a setting",
		"move":    "`ocgo-key rename` changes a label, `ocgo-key migrate` moves all keys to another store",
		"mv":      "`ocgo-key rename` changes a label, `ocgo-key migrate` moves all keys to another store",

		"serve":    "`ocgo-key gateway` runs the gateway alone",
		"server":   "`ocgo-key gateway` runs the gateway alone",
		"proxy":    "`ocgo-key gateway` runs the gateway alone",
		"daemon":   "`ocgo-key gateway` runs the gateway alone",
		"setup":    "`ocgo-key add LABEL` adds an account, then `ocgo-key install` makes plain opencode use the pool",
		"init":     "`ocgo-key add LABEL` adds an account, then `ocgo-key install` makes plain opencode use the pool",
		"check":    "`ocgo-key doctor` finds problems",
		"test":     "`ocgo-key doctor` finds problems; `ocgo-key demo` shows a switch",
		"fix":      "`ocgo-key doctor --repair` fixes problems",
		"repair":   "`ocgo-key doctor --repair` fixes problems",
		"settings": "`ocgo-key config` shows and changes settings",
		"export":   "keys stay in the keychain; `ocgo-key migrate` moves them to another store",
		"backup":   "keys stay in the keychain; `ocgo-key migrate` moves them to another store",
	}
	next, ok = near[strings.ToLower(word)]
	return next, ok
}

// Nearest returns the name that is most like word. It differs in at most two letters.
func Nearest(word string, names []string) (name string, ok bool) {
	best := 3
	for _, candidate := range names {
		if d := distance(word, candidate); d < best && d*3 < len(word) {
			best, name = d, candidate
		}
	}
	return name, name != ""
}

// distance is the number of letters to insert, delete, replace, or swap with the next one.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
		for j := 1; j <= len(b); j++ {
			if i == 0 {
				rows[i][j] = j
				continue
			}
			replaced := rows[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, replaced)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
