package opencode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"ocgo-key/internal/atomicfile"
)

// WriteRunPlugin writes the plugin that `ocgo-key run` names to OpenCode 2 into dir, which it
// makes, and returns the path to name: an absolute one. OpenCode's server finds the gateway's
// address and token in its environment (OCGO_KEY_GATEWAY, OCGO_KEY_GATEWAY_TOKEN); neither is in a
// file. dir belongs to one run: what [WriteNotice] is told is shown by all that were named the same
// folder.
func WriteRunPlugin(dir string) (path string, err error) {
	if path, err = filepath.Abs(dir); err != nil {
		return "", err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return "", err
	}
	files := map[string][]byte{"index.js": []byte(runSource), "tui.js": toasts(filepath.Join(path, NoticesName), "ocgo-key-run", true)}
	for name, content := range files {
		if err := atomicfile.Write(filepath.Join(path, name), content, 0o600, false); err != nil {
			return "", err
		}
	}
	return path, nil
}

// A Notice is shown as a toast on the full screen of OpenCode 2.
type Notice struct {
	Time    int64  `json:"time"` // in milliseconds of Unix time; each is later than the one before
	Text    string `json:"text"` // holds no secret
	Variant string `json:"variant"`
}

// The variants of a notice.
const (
	Info    = "info"
	Success = "success"
	Warning = "warning"
	Failure = "error"
)

// mostNotices is how many are kept: a full screen looks twice a second, and has seen what was
// dropped.
const mostNotices = 20

// WriteNotice shows a text on the full screens of the run whose plugin [WriteRunPlugin] wrote into
// dir. One process writes there, one notice at a time.
func WriteNotice(dir string, now time.Time, text, variant string) error {
	path := filepath.Join(dir, NoticesName)
	var notices []Notice
	if content, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(content, &notices) // what cannot be read is written anew
	}
	notice := Notice{Time: now.UnixMilli(), Text: text, Variant: variant}
	if n := len(notices); n > 0 {
		notice.Time = max(notice.Time, notices[n-1].Time+1)
	}
	notices = append(notices, notice)
	content, err := json.Marshal(notices[max(0, len(notices)-mostNotices):])
	if err != nil {
		return err
	}
	return atomicfile.Write(path, content, 0o600, false)
}
