package gateway_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/fakeservice"
	"ocgo-key/rotation"
)

// stressVariable sets the number of requests of TestStress; `make race` sends more than usual.
const stressVariable = "OCGO_KEY_TEST_STRESS"

// TestStress sends 2,500 requests of 32 clients (1,000 with -short) while accounts are limited and
// freed at random. Each request must be answered by an account that was not limited, or be refused
// correctly. Afterwards no goroutine and no descriptor may be left.
func TestStress(t *testing.T) {
	const clients = 32
	requests := int64(2_500)
	if number := os.Getenv(stressVariable); number != "" {
		var err error
		requests, err = strconv.ParseInt(number, 10, 64)
		require.NoError(t, err)
	} else if testing.Short() {
		requests = 1_000
	}
	before, descriptors := goleak.IgnoreCurrent(), openDescriptors(t)
	var truthful, refused atomic.Int64
	t.Run("run", func(t *testing.T) {
		s := newStage(t)
		s.client.Transport.(*http.Transport).MaxIdleConnsPerHost = clients
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			shake(s, stop)
		}()
		var wg sync.WaitGroup
		var next atomic.Int64
		for range clients {
			wg.Go(func() {
				for next.Add(1) <= requests {
					switch a := s.do(t, s.request(t, formats["chat"], next.Load()%2 == 0)); a.status {
					case http.StatusOK:
						truthful.Add(1)
					case http.StatusTooManyRequests:
						refused.Add(1)
						var body struct {
							Error struct{ Type, Message string }
						}
						assert.NoError(t, json.Unmarshal([]byte(a.body), &body))
						wait, err := strconv.Atoi(a.header.Get("Retry-After"))
						assert.NoError(t, err)
						assert.Positive(t, wait)
						want := "GoUsageLimitError"
						if time.Duration(wait)*time.Second <= gateway.DefaultMaxWait { // or an account became free in the meantime
							want = "RateLimitError"
						}
						assert.Equal(t, want, body.Error.Type, "wait %d", wait)
					default:
						t.Errorf("status %d: %s", a.status, a.body)
					}
				}
			})
		}
		wg.Wait()
		close(stop)
		<-stopped
		// The pool recovers when every account is free again.
		for _, label := range labels {
			s.service.SetPlan(keyOf(label), fakeservice.Plan{})
		}
		s.clock.pass(24 * time.Hour)
		assert.Equal(t, 200, s.do(t, s.request(t, formats["chat"], false)).status)
		for _, label := range labels {
			assert.Equal(t, rotation.Ready, s.condition(t, label).State)
		}
	})
	assert.Equal(t, requests, truthful.Load()+refused.Load())
	assert.Positive(t, truthful.Load())
	t.Logf("%d answered, %d refused", truthful.Load(), refused.Load())
	goleak.VerifyNone(t, before, goleak.IgnoreTopFunction("testing.(*T).Run"))
	assert.Eventually(t, func() bool { return openDescriptors(t) <= descriptors }, 5*time.Second, 10*time.Millisecond, "descriptors are left open")
}

// shake limits and frees accounts at random and advances the clock, until stop is closed.
func shake(s *stage, stop <-chan struct{}) {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		label := labels[rand.IntN(len(labels))]
		switch rand.IntN(4) {
		case 0:
			s.clock.pass(time.Duration(rand.IntN(60)) * time.Second)
		case 1:
			s.service.SetPlan(keyOf(label), fakeservice.Plan{})
		default:
			until := s.clock.Now().Add(time.Duration(1+rand.IntN(60)) * time.Second)
			s.service.SetPlan(keyOf(label), fakeservice.Plan{Limits: []fakeservice.Limit{{Window: fakeservice.Rolling, Until: until}}})
		}
	}
}

// openDescriptors counts this process's file descriptors; 0 if the system does not list them.
func openDescriptors(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if os.IsNotExist(err) {
		return 0
	}
	require.NoError(t, err)
	return len(entries)
}
