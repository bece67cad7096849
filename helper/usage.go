package helper

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"ocgo-key/internal/version"
	"ocgo-key/keychain"
	"ocgo-key/rotation"
)

// maxUsage is how many bytes of an answer of /usage are read at most.
const maxUsage = 64 << 10

// UsageError is an answer of /usage with a status that is not 200. A 401 means that the service
// does not know the key. A new key may then be wrong, but a key that has worked remains in use.
type UsageError struct{ Status int }

func (e *UsageError) Error() string {
	return fmt.Sprintf("the service answered %d to /usage", e.Status)
}

// NewClient returns a client for requests to the service. It follows no redirects, so that a key is
// sent only to the service's host.
func NewClient() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// FetchUsage requests the usage of the account with this key. The error is a *UsageError or comes
// from the network.
func FetchUsage(ctx context.Context, client *http.Client, base *url.URL, key keychain.Secret) (rotation.Usage, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.JoinPath("usage").String(), nil)
	if err != nil {
		return rotation.Usage{}, err
	}
	req.Header.Set("Authorization", "Bearer "+key.Reveal())
	req.Header.Set("User-Agent", version.UserAgent())
	resp, err := client.Do(req)
	if err != nil {
		return rotation.Usage{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return rotation.Usage{}, &UsageError{resp.StatusCode}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxUsage))
	if err != nil {
		return rotation.Usage{}, err
	}
	usage, err := rotation.ParseUsage(body)
	if at, dateErr := http.ParseTime(resp.Header.Get("Date")); dateErr == nil {
		usage.At = at
	}
	return usage, err
}
