package completion

import _ "embed"

// The scripts know one program, ocgo-key, and call its command __complete.
var (
	//go:embed scripts/bash.sh
	bashScript string
	//go:embed scripts/zsh.zsh
	zshScript string
	//go:embed scripts/fish.fish
	fishScript string
	//go:embed scripts/powershell.ps1
	powershellScript string
)

// Script returns the script for bash, zsh, fish or powershell, and "" for any other shell.
func Script(shell string) string {
	switch shell {
	case "bash":
		return bashScript
	case "zsh":
		return zshScript
	case "fish":
		return fishScript
	case "powershell":
		return powershellScript
	}
	return ""
}
