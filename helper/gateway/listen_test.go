package gateway_test

import (
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The gateway cannot be reached from the network: it does not listen on the machine's other
// addresses.
func TestListensOnThisMachineAlone(t *testing.T) {
	s := newStage(t)
	at, err := url.Parse(s.URL(""))
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(at.Host)
	require.NoError(t, err)
	addresses, err := net.InterfaceAddrs()
	require.NoError(t, err)
	reached := 0
	for _, address := range addresses {
		own, ok := address.(*net.IPNet)
		if !ok || own.IP.IsLinkLocalUnicast() { // dialing a link-local address needs a zone
			continue
		}
		connection, err := net.DialTimeout("tcp", net.JoinHostPort(own.IP.String(), port), 10*time.Second)
		if err == nil {
			_ = connection.Close()
			reached++
		}
		assert.Equal(t, own.IP.Equal(net.IPv4(127, 0, 0, 1)), err == nil, own.IP.String())
	}
	assert.Equal(t, 1, reached)
}
