package keychaintest

import (
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/godbus/dbus/v5"
)

// SecretsPath is the object path of the Secret Service.
const SecretsPath = dbus.ObjectPath(secretsPath)

const (
	promptPath   = secretsPath + "/prompt/p1"
	sessionPath  = secretsPath + "/session/s1"
	ringPath     = secretsPath + "/aliases/default"
	propertyFace = "org.freedesktop.DBus.Properties"
)

// A FakeService is a Secret Service that does what a real one can't be made to
// do at will. Its zero value has a default keyring that is always locked behind
// a question that nobody answers.
type FakeService struct {
	// Default is what it says the default keyring is; "/" for none.
	Default dbus.ObjectPath
	// Open: no question at all.
	Open bool
	// Items are the secrets in the default keyring, by account id.
	Items map[string]string
	// OnPrompt is called when the question comes up.
	OnPrompt func()
	// Dismiss: the user closes the question.
	Dismiss bool
	// Completed is what the question ends with, in place of (dismissed, "").
	Completed []any
	// Before is called before each answer, with the method's name. What it
	// takes its time for comes late.
	Before func(method string)
	// Instead has functions in place of methods, by name; they may take and
	// return what the real ones never would.
	Instead map[string]any

	CreateError *dbus.Error // of CreateItem
	UnlockError *dbus.Error // of Unlock

	conn     *dbus.Conn
	unlocked atomic.Bool
}

// Serve takes the service's name on the bus, until the test ends or Die.
func (f *FakeService) Serve(t testing.TB, address string) {
	t.Helper()
	conn, err := dbus.Connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Die)
	f.conn = conn
	f.unlocked.Store(f.Open && f.UnlockError == nil && f.Instead["Unlock"] == nil)
	if f.Default == "" {
		f.Default = ringPath
	}
	for path, faces := range f.objects() {
		for face, methods := range faces {
			for name, other := range f.Instead {
				if _, ok := methods[name]; ok {
					methods[name] = other
				}
			}
			if err := conn.ExportMethodTable(methods, path, face); err != nil {
				t.Fatal(err)
			}
		}
	}
	reply, err := conn.RequestName(secretsName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name of the fake service: %v, %v", reply, err)
	}
}

// Die leaves the bus in the middle of whatever it does.
func (f *FakeService) Die() { _ = f.conn.Close() }

type objects map[dbus.ObjectPath]map[string]map[string]any

// objects are the methods, by path and interface (Secret Service API 0.2).
func (f *FakeService) objects() objects {
	all := objects{
		secretsPath: {
			serviceFace: {
				"OpenSession": func(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
					f.before("OpenSession")
					return dbus.MakeVariant(""), sessionPath, nil
				},
				"Unlock":    f.unlock,
				"ReadAlias": func(string) (dbus.ObjectPath, *dbus.Error) { f.before("ReadAlias"); return f.Default, nil },
			},
			propertyFace: {"Get": func(string, string) (dbus.Variant, *dbus.Error) {
				f.before("Get")
				return dbus.MakeVariant([]dbus.ObjectPath{}), nil
			}},
		},
		promptPath:  {"org.freedesktop.Secret.Prompt": {"Prompt": f.prompt}},
		sessionPath: {"org.freedesktop.Secret.Session": {"Close": func() *dbus.Error { return nil }}},
		ringPath: {"org.freedesktop.Secret.Collection": {
			"SearchItems": f.searchItems,
			"CreateItem": func(map[string]dbus.Variant, secretStruct, bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
				f.before("CreateItem")
				return "/", "/", f.CreateError
			},
		}},
	}
	for id, key := range f.Items {
		all[f.item(id)] = map[string]map[string]any{"org.freedesktop.Secret.Item": {
			"GetSecret": func(session dbus.ObjectPath) (secretStruct, *dbus.Error) {
				f.before("GetSecret")
				if !f.unlocked.Load() {
					return secretStruct{session, []byte{}, []byte{}, ""}, dbus.NewError("org.freedesktop.Secret.Error.IsLocked", nil)
				}
				return secretStruct{session, []byte{}, []byte(key), "text/plain"}, nil
			},
		}}
	}
	return all
}

func (f *FakeService) before(method string) {
	if f.Before != nil {
		f.Before(method)
	}
}

func (f *FakeService) item(id string) dbus.ObjectPath {
	ids := slices.Sorted(maps.Keys(f.Items))
	return dbus.ObjectPath(fmt.Sprintf("%s/i%d", ringPath, slices.Index(ids, id)))
}

func (f *FakeService) unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	f.before("Unlock")
	switch {
	case f.UnlockError != nil:
		return nil, "/", f.UnlockError
	case f.Open:
		return paths, "/", nil
	}
	return nil, promptPath, nil
}

func (f *FakeService) searchItems(search map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	f.before("SearchItems")
	if _, ok := f.Items[search["username"]]; !ok {
		return []dbus.ObjectPath{}, nil
	}
	return []dbus.ObjectPath{f.item(search["username"])}, nil
}

func (f *FakeService) prompt(string) *dbus.Error {
	f.before("Prompt")
	if f.OnPrompt != nil {
		f.OnPrompt()
	}
	with := f.Completed
	switch {
	case with != nil:
		f.unlocked.Store(true)
	case f.Dismiss:
		with = []any{true, dbus.MakeVariant("")}
	default:
		return nil
	}
	if err := f.conn.Emit(promptPath, "org.freedesktop.Secret.Prompt.Completed", with...); err != nil {
		return dbus.MakeFailedError(err)
	}
	return nil
}

// secretStruct is the API's (oayays).
type secretStruct struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}
