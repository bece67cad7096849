package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// These are the paths of the benchmark service, below prefix.
const (
	prefix      = "/zen/go/v1"
	pathSmall   = "/chat/completions"
	pathStream  = "/stream"  // sends the first event after firstToken, then a few more
	pathHold    = "/hold"    // sends events every holdPause until the client disconnects
	pathLimited = "/limited" // see failovers
)

const (
	keyPrefix  = "bench-key-"   // every key of the benchmarks begins like this; the service refuses all others
	headerID   = "X-Bench-Id"   // names a fail-over
	headerBack = "X-Bench-Back" // how long the account stays limited, in ms
)

// firstToken is how long the service waits before its first event.
const firstToken = 20 * time.Millisecond

// A stream has streamEvents events, with eventPause in between.
const (
	streamEvents = 6
	eventPause   = time.Millisecond
)

// holdPause is the time between two events of a held stream: 20 tokens a second, as from a model.
const holdPause = 50 * time.Millisecond

var smallAnswer = []byte(`{"id":"chatcmpl-bench","object":"chat.completion","created":1700000000,"model":"bench",` +
	`"choices":[{"index":0,"message":{"role":"assistant","content":"The benchmark says hello."},"finish_reason":"stop"}],` +
	`"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17}}`)

const limitAnswer = `{"type":"error","error":{"type":"GoUsageLimitError","message":"Weekly usage limit reached."},"metadata":{"workspace":"wrk_bench","limitName":"weekly"}}`

const usageAnswer = `{"workspaceID":"wrk_bench","userID":"usr_bench","usage":{"rolling":{"status":"ok","percent":3,"resetsAt":"2100-01-01T00:00:00.000Z"}}}`

const event = `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","sent":%d,"choices":[{"index":0,"delta":{"content":"word "}}]}` + "\n\n"

// serveUpstream runs the service. It does as little work as net/http allows.
func serveUpstream([]string) error {
	f := new(failovers)
	mux := http.NewServeMux()
	mux.HandleFunc(prefix+pathSmall, known(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(smallAnswer)
	}))
	mux.HandleFunc(prefix+pathStream, known(func(w http.ResponseWriter, r *http.Request) {
		say := beginStream(w)
		if !pause(r, firstToken) {
			return
		}
		for range streamEvents {
			if say() != nil || !pause(r, eventPause) {
				return
			}
		}
	}))
	mux.HandleFunc(prefix+pathHold, known(func(w http.ResponseWriter, r *http.Request) {
		for say := beginStream(w); say() == nil && pause(r, holdPause); {
			continue
		}
	}))
	mux.HandleFunc(prefix+pathLimited, known(f.limit))
	mux.HandleFunc(prefix+"/usage", known(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, usageAnswer)
	}))
	return serve(mux)
}

// known refuses requests without one of our keys, so that a route that does not add the key fails.
// Before that, it reads each request to its end, as a service does.
func known(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+keyPrefix) {
			http.Error(w, "unknown key", http.StatusInternalServerError)
			return
		}
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return // the client is gone
		}
		next(w, r)
	}
}

// beginStream sends the headers at once. It returns a function that sends an event; the event
// contains the time of sending.
func beginStream(w http.ResponseWriter) (say func() error) {
	w.Header().Set("Content-Type", "text/event-stream")
	flush := http.NewResponseController(w).Flush
	_ = flush() // if the client is gone, the first event fails
	return func() error {
		if _, err := fmt.Fprintf(w, event, time.Now().UnixNano()); err != nil {
			return err
		}
		return flush()
	}
}

// pause waits. It returns false if the client is gone.
func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}

// failovers answers the first request of each headerID with 429. It answers the second request with
// 200 and the time since that 429, in ms.
type failovers struct{ limited sync.Map } // the time at which the 429 of each id was sent

func (f *failovers) limit(w http.ResponseWriter, r *http.Request) {
	arrived := time.Now()
	id := r.Header.Get(headerID)
	w.Header().Set("Content-Type", "application/json")
	if sent, again := f.limited.LoadAndDelete(id); again {
		_ = json.NewEncoder(w).Encode(milliseconds(arrived.Sub(sent.(time.Time))))
		return
	}
	w.Header().Set("Retry-After-Ms", r.Header.Get(headerBack))
	w.Header().Set("Content-Length", strconv.Itoa(len(limitAnswer)))
	w.WriteHeader(http.StatusTooManyRequests)
	_, _ = io.WriteString(w, limitAnswer)
	// The measurement starts before the bytes are sent: the next request may arrive before the
	// flush returns.
	f.limited.Store(id, time.Now())
	_ = http.NewResponseController(w).Flush()
}

// serve serves on a free port of 127.0.0.1 until stdin is closed, at the latest when its parent
// ends. It prints the address in the format of `ocgo-key gateway`.
func serve(h http.Handler) error {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Printf(`{"base_url":"http://%s%s","pid":%d}`+"\n", listener.Addr(), prefix, os.Getpid())
	server := &http.Server{Handler: h, ReadHeaderTimeout: patience}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
