package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPartsOfTheProgram(t *testing.T) {
	modules := []string{"filippo.io/age", "golang.org/x/sys"}
	for symbol, want := range map[string]struct{ pkg, part string }{
		"net/http.(*Client).Do": {"net/http", "Go's net and net/http"},
		"main.main":             {"main", "ocgo-key"},
		"ocgo-key/rotation/state.(*File).Load.func1":               {"ocgo-key/rotation/state", "ocgo-key"},
		"type:.eq.filippo.io/age/internal/stream.Reader":           {"filippo.io/age/internal/stream", "filippo.io/age"},
		"slices.SortFunc[go.shape.[]net/http.X,go.shape.struct{}]": {"slices", "the rest of Go's library"},
		"vendor/golang.org/x/crypto/chacha20poly1305.seal":         {"vendor/golang.org/x/crypto/chacha20poly1305", "Go's crypto, for TLS and age"},
		"golang.org/x/sys/unix.Open":                               {"golang.org/x/sys/unix", "golang.org/x/sys"},
		"gopkg.in/yaml%2ev3.Unmarshal":                             {"gopkg.in/yaml.v3", "the rest of Go's library"},
		"internal/runtime/maps.(*Map).Put":                         {"internal/runtime/maps", "Go's runtime"},
	} {
		assert.Equal(t, want.pkg, packageOf(symbol), symbol)
		assert.Equal(t, want.part, partOf(want.pkg, modules), symbol)
	}
}
