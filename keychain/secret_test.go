package keychain_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ocgo-key/keychain"
)

const marker = "marker-7f3a-secret-value"

// noMarker checks that a text does not contain the marker in any form that a printer may use.
func noMarker(t *testing.T, what, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	for form, leak := range map[string]string{
		"plain":   marker,
		"hex":     fmt.Sprintf("%x", marker),
		"hex gap": fmt.Sprintf("% x", marker),
		"decimal": strings.Trim(fmt.Sprint([]byte(marker)), "[]"),
		"part":    "7f3a-secret",
	} {
		if strings.Contains(lower, strings.ToLower(leak)) {
			t.Errorf("%s shows the secret (%s): %s", what, form, text)
		}
	}
}

type hidden struct {
	Name    string
	secret  keychain.Secret
	pointer *keychain.Secret
	list    []keychain.Secret
	byName  map[string]keychain.Secret
	any     any
}

type shown struct {
	Secret  keychain.Secret
	Pointer *keychain.Secret
	List    []keychain.Secret
	ByName  map[string]keychain.Secret
	Any     any
}

func carriers() map[string]any {
	s := keychain.NewSecret(marker)
	list, byName := []keychain.Secret{s}, map[string]keychain.Secret{"k": s}
	h := hidden{"n", s, &s, list, byName, s}
	v := shown{s, &s, list, byName, s}
	return map[string]any{
		"value": s, "pointer": &s, "slice": list, "map": byName, "array": [1]keychain.Secret{s},
		"unexported fields": h, "pointer to unexported fields": &h, "slice of them": []hidden{h},
		"exported fields": v, "pointer to exported fields": &v, "embedded": struct{ keychain.Secret }{s},
	}
}

func TestSecretIsRedactedByFmt(t *testing.T) {
	for name, v := range carriers() {
		for _, verb := range strings.Fields("%v %+v %#v %s %+s %q %#q %x %X %#x %d %b %o %c %U %e %t %p %T %10.3s %-40v") {
			noMarker(t, name+" with "+verb, fmt.Sprintf(verb, v))
		}
		noMarker(t, name+" with Sprint", fmt.Sprint(v))
		noMarker(t, name+" in an error", fmt.Errorf("it: %v", v).Error())
	}
	s := keychain.NewSecret(marker)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, s), verb)
		assert.Equal(t, "[redacted]", fmt.Sprintf(verb, &s), verb)
	}
	assert.Equal(t, "[redacted]", s.String())
	assert.Equal(t, "[redacted]", s.GoString())
}

func TestSecretIsRedactedByEncoders(t *testing.T) {
	for name, v := range carriers() {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		noMarker(t, name+" as JSON", string(text))

		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v, slog.Group("g", "v", v))
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v, slog.Group("g", "v", v))
		noMarker(t, name+" in a log", log.String())

		var page bytes.Buffer
		require.NoError(t, template.Must(template.New("").Parse(`{{.}} {{printf "%#v" .}}`)).Execute(&page, v))
		noMarker(t, name+" in a template", page.String())

		var binary bytes.Buffer
		_ = gob.NewEncoder(&binary).Encode(v)
		noMarker(t, name+" as gob", binary.String())
	}
	s := keychain.NewSecret(marker)
	text, err := json.Marshal(map[string]any{"key": s})
	require.NoError(t, err)
	assert.JSONEq(t, `{"key":"[redacted]"}`, string(text))
	markup, err := xml.Marshal(shown{Secret: s}.Secret)
	require.NoError(t, err)
	assert.Equal(t, "<Secret>[redacted]</Secret>", string(markup))

	require.Error(t, gob.NewEncoder(&bytes.Buffer{}).Encode(s))
	require.Error(t, gob.NewEncoder(&bytes.Buffer{}).Encode(struct{ S keychain.Secret }{s}))
	_, err = s.MarshalBinary()
	require.Error(t, err)
	noMarker(t, "MarshalBinary", err.Error())
}

// The dumper of a test library prints unexported fields without calling methods.
func TestSecretIsRedactedByTestLibrary(t *testing.T) {
	for name, v := range carriers() {
		var report recorder
		assert.Equal(&report, "something else", v)
		assert.Empty(&report, v)
		require.NotEmpty(t, report.text.String())
		noMarker(t, name+" in a failed assertion", report.text.String())
	}
}

type recorder struct{ text strings.Builder }

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(&r.text, format, args...) }

func TestSecretHoldsWhatItWasGiven(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		s := keychain.NewSecret(a)
		assert.Equal(t, a, s.Reveal())
		assert.Equal(t, len(a), s.Len())
		assert.Equal(t, a == "", s.IsZero())
		assert.Equal(t, a == b, s.Equal(keychain.NewSecret(b)))
		assert.True(t, s.Equal(keychain.NewSecret(a)))
	})
	var zero keychain.Secret
	assert.True(t, zero.IsZero())
	assert.Empty(t, zero.Reveal())
	assert.Equal(t, "[redacted]", fmt.Sprint(zero))
	assert.True(t, zero.Equal(keychain.NewSecret("")))
	assert.False(t, zero.Equal(keychain.NewSecret("x")))
}

func TestParseKey(t *testing.T) {
	for raw, want := range map[string]string{
		"key":           "key",
		"  key\t\r\n":   "key",
		"\ufeffkey\r\n": "key",
		"\n\nkey\n\n":   "key",
		"a-Z_0.9/+=~!":  "a-Z_0.9/+=~!",
		strings.Repeat("k", keychain.MaxSecretSize) + "\n": strings.Repeat("k", keychain.MaxSecretSize),
	} {
		got, err := keychain.ParseKey(raw)
		require.NoError(t, err, "%.40q", raw)
		assert.Equal(t, want, got.Reveal())
	}
	for name, c := range map[string]struct{ raw, says string }{
		"empty":      {"", "empty"},
		"blank":      {" \t\r\n ", "empty"},
		"bom alone":  {"\ufeff\n", "empty"},
		"two lines":  {marker + "\nother", "more than one line"},
		"old mac":    {marker + "\rother", "more than one line"},
		"space":      {marker + " x", "space"},
		"tab":        {marker + "\tx", "space"},
		"nul":        {marker + "\x00", "control character"},
		"escape":     {"\x1b[200~" + marker, "control character"},
		"delete":     {marker + "\x7f", "control character"},
		"zero width": {marker + "\u200bx", "ASCII"},
		"umlaut":     {marker + "ü", "ASCII"},
		"not utf-8":  {marker + "\xff", "ASCII"},
	} {
		got, err := keychain.ParseKey(c.raw)
		require.ErrorIs(t, err, keychain.ErrInvalidKey, name)
		require.ErrorContains(t, err, c.says, name)
		assert.True(t, got.IsZero(), name)
		noMarker(t, name, fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	_, err := keychain.ParseKey(marker + strings.Repeat("k", keychain.MaxSecretSize))
	require.ErrorIs(t, err, keychain.ErrTooLarge)
	var e *keychain.Error
	require.ErrorAs(t, err, &e)
	assert.NotEmpty(t, e.Hint)
	noMarker(t, "oversize", fmt.Sprintf("%v %+v %#v", err, err, err))
}

func FuzzParseKey(f *testing.F) {
	for _, seed := range []string{"", "key", " key\n", "a\nb", "\ufeffkey", "k\x00", "k\u200b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		s, err := keychain.ParseKey(raw)
		if err != nil {
			if !s.IsZero() {
				t.Fatal("ParseKey returned a key together with an error")
			}
			return
		}
		key := s.Reveal()
		if key == "" || len(key) > keychain.MaxSecretSize || !strings.Contains(raw, key) {
			t.Fatalf("accepted %q as %q", raw, key)
		}
		for i := range len(key) {
			if key[i] <= ' ' || key[i] > '~' {
				t.Fatalf("accepted %q", key)
			}
		}
	})
}
