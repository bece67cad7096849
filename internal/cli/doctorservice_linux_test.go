//go:build !check

package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// diagnose runs a shell command line that ends with doctor, and returns the text and the fix of the
// finding of one check.
func (h *importHome) diagnose(check, shell string) (what, fix string) {
	h.t.Helper()
	cmd := h.command("sh", "-c", shell+"ocgo-key doctor --json")
	out, err := cmd.Output()
	if exit := new(exec.ExitError); err != nil {
		require.ErrorAs(h.t, err, &exit)
	}
	assert.Empty(h.t, h.marker.Text("output", out))
	var d diagnosis
	require.NoError(h.t, json.Unmarshal(out, &d), "%s", out)
	for _, f := range d.Findings {
		if f.Check == check {
			return f.What, f.Fix
		}
	}
	return "", ""
}

// refuse answers as the service does to a request without a key.
func refuse(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusUnauthorized)
	_, _ = io.WriteString(w, `{"type":"error","error":{"type":"AuthError","message":"Missing API key."}}`)
}

func TestDoctorFindsTroubleWithTheService(t *testing.T) {
	t.Parallel() // it waits
	h := newImportHome(t)
	good := httptest.NewServer(http.HandlerFunc(refuse))
	defer good.Close()
	var answer atomic.Value
	answer.Store(http.HandlerFunc(refuse))
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer.Load().(http.HandlerFunc)(w, r) }))
	defer server.Close()
	defer close(release)
	h.env = append(h.env, "OCGO_KEY_BASE_URL="+server.URL+"/zen/go/v1")
	what, _ := h.diagnose("service", "")
	require.Empty(t, what)

	for name, trouble := range map[string]struct {
		answer http.HandlerFunc
		want   string
		fix    string
	}{
		"trouble of its own": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
			"answers 503", "ocgo-key doctor"},
		"a sign-in page": {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Please sign in") },
			"does not answer as the Go service does (status 200)", "unset OCGO_KEY_BASE_URL"},
		"another program": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) },
			"does not answer as the Go service does (status 401)", "unset OCGO_KEY_BASE_URL"},
		"no answer": {func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}, "no answer within 5s", "unset OCGO_KEY_BASE_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			answer.Store(trouble.answer)
			what, fix := h.diagnose("service", "")
			assert.Contains(t, what, trouble.want)
			require.Equal(t, trouble.fix, fix)
			if strings.HasPrefix(fix, "unset ") {
				// Only OCGO_KEY_BASE_URL names the stand-in. Without the variable doctor would
				// contact the real service.
				what, _ = h.diagnose("service", fix+`; test -z "$OCGO_KEY_BASE_URL" && OCGO_KEY_BASE_URL=`+good.URL+"/zen/go/v1 ")
			} else {
				answer.Store(http.HandlerFunc(refuse)) // later
				what, _ = h.diagnose("service", "")
			}
			assert.Empty(t, what)
		})
	}
}

func TestDoctorFindsAnUnreachableService(t *testing.T) {
	t.Parallel() // it waits
	h := newImportHome(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	h.env = append(h.env, "OCGO_KEY_BASE_URL=http://"+address+"/zen/go/v1")
	what, fix := h.diagnose("service", "")
	assert.Contains(t, what, "http://"+address+"/zen/go/v1 cannot be reached: ")
	assert.Contains(t, what, "connection refused")
	assert.Equal(t, "unset OCGO_KEY_BASE_URL", fix)

	listener, err = net.Listen("tcp", address)
	require.NoError(t, err)
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: http.HandlerFunc(refuse)}}
	server.Start()
	defer server.Close()
	what, _ = h.diagnose("service", "")
	assert.Empty(t, what)
}

// Doctor prints the settings of a proxy without the password in them. LOCALHOST is this machine,
// but Go uses the proxy for a host in capitals.
func TestDoctorNamesTheProxy(t *testing.T) {
	t.Parallel() // it waits
	h := newImportHome(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(refuse))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{h.certificate("localhost", time.Now())}}
	server.StartTLS()
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	h.env = append(h.env, "OCGO_KEY_BASE_URL=https://LOCALHOST:"+u.Port()+"/zen/go/v1")
	what, _ := h.diagnose("service", "")
	require.Empty(t, what)

	env := h.env
	for name, c := range map[string]struct {
		env       []string
		what, fix string
	}{
		"dead": {[]string{"HTTPS_PROXY=http://me:secret-word@127.0.0.1:1", "NO_PROXY=example.com"},
			"through the proxy http://127.0.0.1:1, from HTTPS_PROXY, with NO_PROXY=example.com: ", "unset HTTPS_PROXY"},
		"in lower case": {[]string{"https_proxy=http://127.0.0.1:1"}, "from https_proxy: ", "unset https_proxy"},
	} {
		t.Run(name, func(t *testing.T) {
			h.env = append(env[:len(env):len(env)], c.env...)
			what, fix := h.diagnose("service", "")
			assert.Contains(t, what, c.what)
			assert.NotContains(t, what, "secret-word")
			require.Equal(t, c.fix, fix)
			what, _ = h.diagnose("service", fix+"; ")
			assert.Empty(t, what)
		})
	}

	// The service is unreachable both through the proxy and without it.
	h.env = append(env[:len(env):len(env)], "HTTPS_PROXY=http://127.0.0.1:1", "OCGO_KEY_BASE_URL=https://LOCALHOST:1/zen/go/v1")
	what, fix := h.diagnose("service", "")
	assert.Contains(t, what, "cannot be reached; through the proxy http://127.0.0.1:1")
	assert.NotContains(t, what, "it can be reached without the proxy")
	assert.Equal(t, "unset OCGO_KEY_BASE_URL", fix)
}

// If the clock of this machine is very wrong, the service's certificate is not valid.
func TestDoctorNamesTheClockWhereACertificateIsOver(t *testing.T) {
	t.Parallel() // it waits
	h := newImportHome(t)
	server := httptest.NewUnstartedServer(http.HandlerFunc(refuse))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{h.certificate("localhost", time.Now().Add(-48*time.Hour))}}
	server.StartTLS()
	defer server.Close()
	u, err := url.Parse(server.URL)
	require.NoError(t, err)
	h.env = append(h.env, "OCGO_KEY_BASE_URL=https://localhost:"+u.Port()+"/zen/go/v1")
	what, _ := h.diagnose("service", "")
	assert.Contains(t, what, "its certificate is not valid at the time that this machine's clock shows")
}

// certificate returns a certificate for this host that the commands trust. It is valid for an hour
// around a time.
func (h *importHome) certificate(host string, around time.Time) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(h.t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: around.Add(-time.Hour), NotAfter: around.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(h.t, err)
	path := filepath.Join(filepath.Dir(h.folder), "ca.pem")
	require.NoError(h.t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	h.env = append(h.env, "SSL_CERT_FILE="+path)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
