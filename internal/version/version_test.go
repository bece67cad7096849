package version

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestUserAgent(t *testing.T) {
	assert.Equal(t, "ocgo-key/v1.2.3", userAgent("v1.2.3", ""))
	assert.Equal(t, "ocgo-key/v1.2.3+dirty (https://example.org/x)", userAgent("v1.2.3+dirty", "https://example.org/x"))
	assert.Equal(t, "ocgo-key/v1 (ab)", userAgent("v1\r\n", "a)\n(b"))
	assert.Regexp(t, `^ocgo-key/[^ ]+$`, UserAgent(), "without an address unless the release sets one")
}
