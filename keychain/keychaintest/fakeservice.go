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
	promptPath          = secretsPath + "/prompt/p1"
	sessionPath         = secretsPath + "/session/s1"
	keyringPath         = secretsPath + "/aliases/default"
	propertiesInterface = "org.freedesktop.DBus.Properties"
)

// A FakeService is a Secret Service that simulates faults. Its zero value has a locked default
// keyring, and nobody answers its prompt.
type FakeService struct {
	// Default is the path of the default keyring; "/" for none.
	Default dbus.ObjectPath
	// Open makes Unlock succeed without a prompt.
	Open bool
	// Items are the secrets in the default keyring, by account id.
	Items map[string]string
	// OnPrompt is called when the prompt opens.
	OnPrompt func()
	// Dismiss simulates a user who closes the prompt.
	Dismiss bool
	// Completed are the arguments of the signal Completed. If nil, only Dismiss sends the signal.
	Completed []any
	// Before is called before each answer, with the method's name. It may sleep to delay the
	// answer.
	Before func(method string)
	// Instead maps names of methods to replacements. Their types may differ from those of the real
	// methods.
	Instead map[string]any

	CreateError *dbus.Error // of CreateItem
	UnlockError *dbus.Error // of Unlock

	conn     *dbus.Conn
	unlocked atomic.Bool
}

// Serve owns the service's name on the bus until the test ends or Die is called.
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
		f.Default = keyringPath
	}
	for path, interfaces := range f.objects() {
		for iface, methods := range interfaces {
			for name, other := range f.Instead {
				if _, ok := methods[name]; ok {
					methods[name] = other
				}
			}
			if err := conn.ExportMethodTable(methods, path, iface); err != nil {
				t.Fatal(err)
			}
		}
	}
	reply, err := conn.RequestName(secretsName, dbus.NameFlagDoNotQueue)
	if err != nil || reply != dbus.RequestNameReplyPrimaryOwner {
		t.Fatalf("the name of the fake service: %v, %v", reply, err)
	}
}

// Die disconnects from the bus at once.
func (f *FakeService) Die() { _ = f.conn.Close() }

type objects map[dbus.ObjectPath]map[string]map[string]any

// objects returns the methods, by path and interface (Secret Service API 0.2).
func (f *FakeService) objects() objects {
	all := objects{
		secretsPath: {
			serviceInterface: {
				"OpenSession": func(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
					f.before("OpenSession")
					return dbus.MakeVariant(""), sessionPath, nil
				},
				"Unlock":    f.unlock,
				"ReadAlias": func(string) (dbus.ObjectPath, *dbus.Error) { f.before("ReadAlias"); return f.Default, nil },
			},
			propertiesInterface: {"Get": func(string, string) (dbus.Variant, *dbus.Error) {
				f.before("Get")
				return dbus.MakeVariant([]dbus.ObjectPath{}), nil
			}},
		},
		promptPath:  {"org.freedesktop.Secret.Prompt": {"Prompt": f.prompt}},
		sessionPath: {"org.freedesktop.Secret.Session": {"Close": func() *dbus.Error { return nil }}},
		keyringPath: {"org.freedesktop.Secret.Collection": {
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
	return dbus.ObjectPath(fmt.Sprintf("%s/i%d", keyringPath, slices.Index(ids, id)))
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

// secretStruct is a secret as the API transfers it: (oayays).
type secretStruct struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}
