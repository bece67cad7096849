package opencode

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"ocgo-key/internal/atomicfile"
)

// WriteRunPlugin creates dir, writes the plugin of `ocgo-key run` for OpenCode 2 into it, and
// returns the absolute path to set in the configuration. OpenCode's server finds the gateway's
// address and token in its environment (OCGO_KEY_GATEWAY, OCGO_KEY_GATEWAY_TOKEN); neither is in a
// file. dir belongs to one run, whose full screens show the notices of [WriteNotice].
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
	Time    int64  `json:"time"` // Unix time in milliseconds; each is later than the one before
	Text    string `json:"text"` // contains no secret
	Variant string `json:"variant"`
}

// The variants of a notice.
const (
	Info    = "info"
	Failure = "error"
)

// mostNotices is how many notices the file keeps. A full screen reads the file twice a second, so
// it has already shown older notices.
const mostNotices = 20

// WriteNotice shows a text on the full screens of the run whose plugin [WriteRunPlugin] wrote into
// dir. Only one process may write there, one notice at a time.
func WriteNotice(dir string, now time.Time, text, variant string) error {
	path := filepath.Join(dir, NoticesName)
	var notices []Notice
	if content, err := os.ReadFile(path); err == nil {
		_ = json.Unmarshal(content, &notices) // an unreadable file is replaced
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
