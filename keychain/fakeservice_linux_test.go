package keychain_test

import (
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/stretchr/testify/require"
)

const secretsPath = "/org/freedesktop/secrets"

// A fakeService is a Secret Service whose default keyring is always locked
// behind a question. It shows what a real one can't be made to do at will.
type fakeService struct {
	conn *dbus.Conn

	defaultRing dbus.ObjectPath // "/" for none
	onPrompt    func()          // the question came up
	dismiss     bool            // the user closes it
	open        bool            // no question at all
	createError *dbus.Error     // of CreateItem
	unlockError *dbus.Error     // of Unlock
}

func (f *fakeService) serve(t *testing.T, address string) {
	t.Helper()
	conn, err := dbus.Connect(address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	f.conn = conn
	for path, faces := range map[dbus.ObjectPath]map[string]any{
		secretsPath: {
			"org.freedesktop.Secret.Service":  service{f},
			"org.freedesktop.DBus.Properties": properties{f},
		},
		secretsPath + "/prompt/p1":       {"org.freedesktop.Secret.Prompt": prompt{f}},
		secretsPath + "/aliases/default": {"org.freedesktop.Secret.Collection": collection{f}},
		secretsPath + "/session/s1":      {"org.freedesktop.Secret.Session": session{}},
	} {
		for face, object := range faces {
			require.NoError(t, conn.Export(object, path, face))
		}
	}
	reply, err := conn.RequestName("org.freedesktop.secrets", dbus.NameFlagDoNotQueue)
	require.NoError(t, err)
	require.Equal(t, dbus.RequestNameReplyPrimaryOwner, reply)
}

type (
	service    struct{ *fakeService }
	properties struct{ *fakeService }
	prompt     struct{ *fakeService }
	collection struct{ *fakeService }
	session    struct{}
)

func (service) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), secretsPath + "/session/s1", nil
}

func (s service) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if s.unlockError != nil {
		return nil, "/", s.unlockError
	}
	if s.open {
		return paths, "/", nil
	}
	return nil, secretsPath + "/prompt/p1", nil
}

func (s service) ReadAlias(string) (dbus.ObjectPath, *dbus.Error) { return s.defaultRing, nil }

func (properties) Get(string, string) (dbus.Variant, *dbus.Error) {
	return dbus.MakeVariant([]dbus.ObjectPath{}), nil
}

func (p prompt) Prompt(string) *dbus.Error {
	if p.onPrompt != nil {
		p.onPrompt()
	}
	if p.dismiss {
		err := p.conn.Emit(secretsPath+"/prompt/p1", "org.freedesktop.Secret.Prompt.Completed", true, dbus.MakeVariant(""))
		if err != nil {
			return dbus.MakeFailedError(err)
		}
	}
	return nil
}

// secretStruct is the API's (oayays).
type secretStruct struct {
	Session           dbus.ObjectPath
	Parameters, Value []byte
	ContentType       string
}

func (c collection) CreateItem(map[string]dbus.Variant, secretStruct, bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	return "/", "/", c.createError
}

func (session) Close() *dbus.Error { return nil }
