package keychaintest

import (
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
)

// A Prompter replaces the window in which gnome-keyring asks for a password: gcr's system prompter,
// on the keyring's bus.
type Prompter struct {
	// Dismiss simulates a user who closes each window. Otherwise nobody answers.
	Dismiss bool
	// OnPrompt is called when a window opens.
	OnPrompt func()

	conn *dbus.Conn
}

const (
	prompterName      = "org.gnome.keyring.SystemPrompter"
	prompterPath      = "/org/gnome/keyring/Prompter"
	prompterInterface = "org.gnome.keyring.internal.Prompter"
	callbackInterface = "org.gnome.keyring.internal.Prompter.Callback"
)

// Serve owns the prompter's name on the bus until the test ends.
func (p *Prompter) Serve(t testing.TB, address string) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p.conn = conn
	performed := make(chan struct{}, 16)
	methods := map[string]any{
		"BeginPrompting": func(callback dbus.ObjectPath, sender dbus.Sender) *dbus.Error {
			go p.begin(sender, callback, performed)
			return nil
		},
		"PerformPrompt": func(callback dbus.ObjectPath, _ string, _ map[string]dbus.Variant, _ string, sender dbus.Sender) *dbus.Error {
			performed <- struct{}{}
			if p.OnPrompt != nil {
				p.OnPrompt()
			}
			if p.Dismiss {
				p.ready(sender, callback, "no")
			}
			return nil
		},
		"StopPrompting": func(callback dbus.ObjectPath, sender dbus.Sender) *dbus.Error {
			conn.Object(string(sender), callback).Go(callbackInterface+".PromptDone", dbus.FlagNoReplyExpected, nil)
			return nil
		},
	}
	if err := conn.ExportMethodTable(methods, prompterPath, prompterInterface); err != nil {
		t.Fatal(err)
	}
	reply, err := conn.RequestName(prompterName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name of the prompter: %v, %v", reply, err)
	}
}

// begin tells the keyring that it may open a window. The keyring ignores this message until it has
// the answer to its own call, so begin repeats the message until the keyring reacts.
func (p *Prompter) begin(sender dbus.Sender, callback dbus.ObjectPath, performed <-chan struct{}) {
	for range 10 {
		p.conn.BusObject().Call("org.freedesktop.DBus.GetId", 0) // this delay lets the answer be sent first
		p.ready(sender, callback, "")
		select {
		case <-performed:
			return
		case <-time.After(time.Second):
		}
	}
}

// ready sends the keyring the permission to open a window, or the user's reply.
func (p *Prompter) ready(sender dbus.Sender, callback dbus.ObjectPath, reply string) {
	p.conn.Object(string(sender), callback).Go(callbackInterface+".PromptReady", dbus.FlagNoReplyExpected, nil,
		reply, map[string]dbus.Variant{}, "")
}
