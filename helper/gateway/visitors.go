package gateway

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxVisitors is how many connections without the token may be open at once. A client shows it with
// its first bytes; a program without it must not use up the files or the memory of the gateway.
const maxVisitors = 128

// visitTime is how long a connection stays open in any case, so that its request can arrive, also
// on a busy machine.
const visitTime = 250 * time.Millisecond

// visitors are the connections that have not shown the token yet, the oldest first. Each one is
// closed after its first refusal, or if its request does not arrive within readHeaderTimeout.
type visitors struct {
	mu   sync.Mutex
	open []*visitor
	left chan struct{} // receives a value when there are fewer
}

type visitor struct {
	net.Conn
	since time.Time
	known atomic.Bool // it has shown the token, or is closed
}

type visitorKey struct{}

// connect is the server's ConnContext. It returns when there are not too many visitors; before
// that, no further connection is accepted. The oldest ones are closed once they had their time.
func (v *visitors) connect(ctx context.Context, conn net.Conn) context.Context {
	one := &visitor{Conn: conn, since: time.Now()}
	v.mu.Lock()
	v.open = append(v.open, one)
	v.mu.Unlock()
	for oldest := v.surplus(); oldest != nil; oldest = v.surplus() {
		select {
		case <-v.left:
		case <-time.After(visitTime - time.Since(oldest.since)):
			if oldest.known.CompareAndSwap(false, true) {
				_ = oldest.Close()
				v.remove(oldest.Conn)
			}
		}
	}
	return context.WithValue(ctx, visitorKey{}, one)
}

// surplus returns the oldest visitor if there are too many, else nil.
func (v *visitors) surplus() *visitor {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.open) > maxVisitors {
		return v.open[0]
	}
	return nil
}

// state is the server's ConnState.
func (v *visitors) state(conn net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		v.remove(conn)
	}
}

// admit is called for each request that shows the token.
func (v *visitors) admit(r *http.Request) {
	if one, ok := r.Context().Value(visitorKey{}).(*visitor); ok && one.known.CompareAndSwap(false, true) {
		v.remove(one.Conn)
	}
}

func (v *visitors) remove(conn net.Conn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.open = slices.DeleteFunc(v.open, func(one *visitor) bool { return one.Conn == conn })
	select {
	case v.left <- struct{}{}:
	default:
	}
}

// refusedTime is how long a refused client may go on sending its body. The connection is closed
// after that; earlier, the client might miss the answer.
const refusedTime = time.Second

// turnAway refuses a request, and ends its connection.
func turnAway(w http.ResponseWriter, status int, message string) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedTime))
	w.Header().Set("Connection", "close")
	refuse(w, status, message)
}
