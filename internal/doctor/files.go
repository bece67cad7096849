package doctor

import (
	"os"
	"runtime"

	"ocgo-key/internal/text"
)

// regular reads the regular file at path. It returns false if path is not a regular file, or if the
// file has more than most bytes.
func regular(path string, most int64) ([]byte, bool) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() > most {
		return nil, false
	}
	text, err := os.ReadFile(path)
	return text, err == nil
}

// editCommand returns the command that opens a file in the user's editor, with sudo if needed.
func editCommand(path string) string {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_ = f.Close()
	}
	switch {
	case runtime.GOOS == "windows":
		return "notepad " + text.Quote(path)
	case err != nil:
		return "sudo -e " + text.Quote(path)
	}
	return "${EDITOR:-vi} " + text.Quote(path)
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && (runtime.GOOS == "windows" || info.Mode()&0o111 != 0)
}
