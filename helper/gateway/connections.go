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

// maxUnauthenticated is the greatest number of open connections on which no token was sent yet.
// Without this limit, a program without the token could use up the gateway's file descriptors and
// memory.
const maxUnauthenticated = 128

// graceTime is the least time that a connection stays open, so that its request can arrive even on
// a busy machine.
const graceTime = 250 * time.Millisecond

// unauthenticated holds the connections on which no token was sent yet. Each one is closed after
// its first refusal, or if its request does not arrive within readHeaderTimeout.
type unauthenticated struct {
	mu   sync.Mutex
	open []*clientConn // the oldest first
	left chan struct{} // receives a value when a connection is removed
}

type clientConn struct {
	net.Conn
	since time.Time
	known atomic.Bool // the token was sent on it, or it is closed
}

type clientConnKey struct{}

// connect is the server's ConnContext. If there are too many connections, it closes the oldest one
// after its graceTime. Until it returns, the server accepts no further connection.
func (u *unauthenticated) connect(ctx context.Context, conn net.Conn) context.Context {
	one := &clientConn{Conn: conn, since: time.Now()}
	u.mu.Lock()
	u.open = append(u.open, one)
	u.mu.Unlock()
	for oldest := u.oldestIfFull(); oldest != nil; oldest = u.oldestIfFull() {
		select {
		case <-u.left:
		case <-time.After(graceTime - time.Since(oldest.since)):
			if oldest.known.CompareAndSwap(false, true) {
				_ = oldest.Close()
				u.remove(oldest.Conn)
			}
		}
	}
	return context.WithValue(ctx, clientConnKey{}, one)
}

// oldestIfFull returns the oldest connection if there are too many, else nil.
func (u *unauthenticated) oldestIfFull() *clientConn {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.open) > maxUnauthenticated {
		return u.open[0]
	}
	return nil
}

// changed is the server's ConnState.
func (u *unauthenticated) changed(conn net.Conn, state http.ConnState) {
	if state == http.StateClosed {
		u.remove(conn)
	}
}

// admit is called for each request with the token.
func (u *unauthenticated) admit(r *http.Request) {
	if one, ok := r.Context().Value(clientConnKey{}).(*clientConn); ok && one.known.CompareAndSwap(false, true) {
		u.remove(one.Conn)
	}
}

func (u *unauthenticated) remove(conn net.Conn) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open = slices.DeleteFunc(u.open, func(one *clientConn) bool { return one.Conn == conn })
	select {
	case u.left <- struct{}{}:
	default:
	}
}

// refusedTime is how long the body of a refused request is read before the connection is closed. A
// client that is still sending when its connection closes may not see the answer.
const refusedTime = time.Second

// refuseAndClose refuses a request and closes its connection.
func refuseAndClose(w http.ResponseWriter, status int, message string) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(refusedTime))
	w.Header().Set("Connection", "close")
	refuse(w, status, message)
}
