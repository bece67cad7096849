package keychaintest

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// KeePassXC exposes one group of a database as the Secret Service. Settings in the database name
// this group.
const (
	keepassGroup = "8a3f2f52-9a52-4cb0-8f4f-0f0f6a3f7f10"
	keepassXML   = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<KeePassFile>
<Meta><DatabaseName>scratch</DatabaseName><CustomData><Item>
<Key>FDO_SECRETS_EXPOSED_GROUP</Key><Value>{` + keepassGroup + `}</Value>
</Item></CustomData></Meta>
<Root><Group><UUID>ij8vUppSTLCPTw8Paj9/EA==</UUID><Name>Root</Name>%s</Group></Root>
</KeePassFile>
`
	// keepassEntry is an item of another program in KeePassXC's format.
	keepassEntry = `
<Entry><UUID>%s</UUID>
<String><Key>Title</Key><Value>%[2]s</Value></String>
<String><Key>Password</Key><Value ProtectInMemory="True">%[3]s</Value></String>
<String><Key>service</Key><Value>ocgo-key</Value></String>
<String><Key>username</Key><Value>%[2]s</Value></String></Entry>`
	keepassConfig = `[General]
ConfigVersion=2
[FdoSecrets]
Enabled=true
ConfirmAccessItem=false
ConfirmDeleteItem=false
ShowNotification=false
[GUI]
CheckForUpdates=false
CheckForUpdatesNextTime=0
`
)

// StartKeePassXC starts a private bus with a real KeePassXC as the Secret Service, without a
// visible screen. Its database contains keys, by account id. The database is locked unless mode is
// Unlocked. If a process can't be started, the test fails. Both processes end with the test.
func StartKeePassXC(t testing.TB, mode Mode, keys map[string]string) *Daemon {
	t.Helper()
	for _, name := range []string{"keepassxc", "keepassxc-cli"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is missing: install the Debian package keepassxc", name)
		}
	}
	d := StartSecretService(t, NoService)
	if err := d.startKeePassXC(mode, keys); err != nil {
		t.Fatalf("KeePassXC (%s): %v", mode, err)
	}
	return d
}

func (d *Daemon) startKeePassXC(mode Mode, keys map[string]string) error {
	database, xml := filepath.Join(d.Dir, "data", "scratch.kdbx"), filepath.Join(d.Dir, "scratch.xml")
	var entries strings.Builder
	for id, key := range keys {
		uuid := make([]byte, 16)
		_, _ = rand.Read(uuid) // never fails: see crypto/rand
		fmt.Fprintf(&entries, keepassEntry, base64.StdEncoding.EncodeToString(uuid), id, key)
	}
	config := filepath.Join(d.Dir, "config", "keepassxc")
	if err := errors.Join(
		os.WriteFile(xml, fmt.Appendf(nil, keepassXML, entries.String()), 0o600),
		os.MkdirAll(config, 0o700),
		os.WriteFile(filepath.Join(config, "keepassxc.ini"), []byte(keepassConfig), 0o600),
	); err != nil {
		return err
	}
	made := d.command("keepassxc-cli", []string{"import", "--quiet", "--set-password", xml, database}, strings.Repeat(password+"\n", 2))
	out, err := made.CombinedOutput()
	if err = errors.Join(err, os.Remove(xml)); err != nil { // the file contains the keys in plain text
		return fmt.Errorf("create a database: %w: %s", err, out)
	}
	args, stdin, want := []string{database}, "", ""
	if mode == Unlocked {
		args, stdin, want = []string{"--pw-stdin", database}, password+"\n", "open"
	}
	cmd := d.command("keepassxc", args, stdin)
	cmd.Env = append(cmd.Env, "QT_QPA_PLATFORM=offscreen", "TMPDIR="+filepath.Join(d.Dir, "run"))
	keepass, err := startProcess(cmd)
	if err != nil {
		return err
	}
	keepass.ignoresTerm = true // on SIGTERM it asks the user whether to quit
	d.processes = append(d.processes, keepass)
	return d.ask(func(s *secrets) error { return s.await(keepass, want) })
}
