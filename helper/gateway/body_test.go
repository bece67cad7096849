package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// keep reads a body with this declared length; -1 if none is declared.
func keep(t *testing.T, source io.Reader, length int64, of *budget) (*body, error) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", io.NopCloser(source))
	require.NoError(t, err)
	r.ContentLength = length
	return keepBody(httptest.NewRecorder(), r, of)
}

func send(b *body) *http.Request {
	req := new(http.Request)
	b.open(req)
	return req
}

func TestABodyIsKeptAsItCame(t *testing.T) {
	for _, size := range []int{0, 1, 99, smallBody, smallBody + 1, firstPiece, firstPiece + 1, 5 * firstPiece, 1<<20 + 3} {
		text := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		for _, length := range []int64{int64(size), -1} {
			for how, reader := range map[string]func(io.Reader) io.Reader{
				"as it is": func(r io.Reader) io.Reader { return r }, "in halves": iotest.HalfReader, "with its end": iotest.DataErrReader,
			} {
				of := new(budget)
				b, err := keep(t, reader(strings.NewReader(text)), length, of)
				require.NoError(t, err)
				if size > smallBody {
					assert.GreaterOrEqual(t, of.used, size)
				}
				for range 2 {
					require.True(t, b.replayable())
					req := send(b)
					assert.Equal(t, int64(size), req.ContentLength)
					got, err := io.ReadAll(req.Body)
					require.NoError(t, err)
					assert.True(t, text == string(got), "%d, %d, %s", size, length, how)
					if size > 0 {
						again, err := req.GetBody()
						require.NoError(t, err)
						got, err = io.ReadAll(again)
						require.NoError(t, err)
						assert.True(t, text == string(got), "%d, %d, %s", size, length, how)
					}
				}
				b.free()
				assert.False(t, b.replayable())
				assert.Zero(t, of.used, "all of it is given back")
			}
		}
	}
}

func TestAFreedBodyIsGoneWhenItIsRead(t *testing.T) {
	of := &budget{trim: func() {}}
	b, err := keep(t, strings.NewReader(strings.Repeat("x", 1<<20)), 1<<20, of)
	require.NoError(t, err)
	data := weak.Make(&b.kept[0])
	read, closed := send(b), send(b)
	b.free()
	_, err = io.ReadFull(read.Body, make([]byte, 1000))
	require.NoError(t, err, "who reads it already reads on")
	assert.NotZero(t, of.used)
	require.NoError(t, closed.Body.Close())
	_, err = closed.Body.Read(make([]byte, 1))
	require.ErrorIs(t, err, http.ErrBodyReadAfterClose)
	n, err := io.Copy(io.Discard, read.Body)
	require.NoError(t, err)
	assert.Equal(t, int64(1<<20-1000), n)
	assert.Zero(t, of.used)
	_, err = read.GetBody()
	require.ErrorIs(t, err, errFreed)
	of.afterDelay() // releases the spare memory
	runtime.GC()
	assert.Nil(t, data.Value(), "although the requests are still there")
	runtime.KeepAlive(read)
	runtime.KeepAlive(closed)
	runtime.KeepAlive(b)
}

func TestWhatIsDeclaredCostsNothingBeforeItComes(t *testing.T) {
	for _, length := range []int64{64 << 20, 1 << 40, -1} {
		of := new(budget)
		most := 0
		left := strings.NewReader(strings.Repeat("x", 100_000))
		source := readerFunc(func(p []byte) (int, error) {
			most = max(most, of.used)
			if left.Len() == 0 {
				return 0, errors.New("the client is gone")
			}
			return left.Read(p[:min(len(p), 1000)])
		})
		_, err := keep(t, source, length, of)
		require.ErrorIs(t, err, errBody)
		assert.LessOrEqual(t, most, 4*100_000+firstPiece)
		assert.Zero(t, of.used)
	}
}

func TestWithoutMemoryABodyStreamsOnce(t *testing.T) {
	of := &budget{limit: 400_000}
	text := strings.Repeat("0123456789", 20_000)
	first, err := keep(t, strings.NewReader(text), int64(len(text)), of)
	require.NoError(t, err)
	require.NoError(t, send(first).Body.Close())
	require.True(t, first.replayable())
	for _, length := range []int64{int64(len(text)), -1} {
		second, err := keep(t, iotest.HalfReader(strings.NewReader(text)), length, of)
		require.NoError(t, err)
		require.True(t, second.replayable(), "it can be sent")
		assert.LessOrEqual(t, of.used, of.limit)
		req := send(second)
		assert.False(t, second.replayable(), "once")
		assert.Equal(t, length, req.ContentLength)
		assert.Nil(t, req.GetBody)
		second.free()
		got, err := io.ReadAll(req.Body)
		require.NoError(t, err)
		assert.True(t, text == string(got), "it arrives whole")
		require.NoError(t, req.Body.Close())
	}
	first.free()
	assert.Zero(t, of.used)
	third, err := keep(t, strings.NewReader(text), -1, of)
	require.NoError(t, err)
	require.NoError(t, send(third).Body.Close())
	assert.True(t, third.replayable(), "there is memory again")
}

func TestMemoryIsGivenBackToTheSystemWhenBodiesAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var trims atomic.Int64
		of := &budget{trim: func() { trims.Add(1) }}
		spared := func() int {
			of.mu.Lock()
			defer of.mu.Unlock()
			return of.spared
		}
		use := func(n int) { of.give(of.take(n)) }
		for range 20 { // while bodies arrive, their memory is in use
			for range 100 {
				use(100_000)
			}
			time.Sleep(trimDelay - 1)
		}
		assert.Zero(t, trims.Load())
		assert.NotZero(t, spared())
		assert.LessOrEqual(t, spared(), mostSpare)
		time.Sleep(3 * trimDelay)
		synctest.Wait()
		assert.Equal(t, int64(1), trims.Load(), "there are no more")
		assert.Zero(t, spared())
		use(trimFrom - 1)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, int64(1), trims.Load(), "a little is not worth it")
		use(10 << 20)
		time.Sleep(time.Minute)
		synctest.Wait()
		assert.Equal(t, int64(2), trims.Load())
	})
}

func TestFreedMemoryIsReused(t *testing.T) {
	of := new(budget)
	text := func(of byte) string { return strings.Repeat(string(of), 100_000) }
	first, err := keep(t, strings.NewReader(text('a')), 100_000, of)
	require.NoError(t, err)
	reading, small := send(first), strings.NewReader("small")
	first.free()
	tiny, err := keep(t, small, -1, of)
	require.NoError(t, err)
	sent := send(tiny)
	tiny.free()
	for _, c := range []byte("bcd") {
		b, err := keep(t, strings.NewReader(text(c)), 100_000, of)
		require.NoError(t, err)
		b.free()
	}
	got, err := io.ReadAll(reading.Body)
	require.NoError(t, err)
	assert.True(t, text('a') == string(got), "it was in use")
	got, err = io.ReadAll(sent.Body)
	require.NoError(t, err)
	assert.Equal(t, "small", string(got))
	assert.Zero(t, of.used)
	assert.NotZero(t, of.spared)
	before := of.spared
	again, err := keep(t, strings.NewReader(text('e')), 100_000, of)
	require.NoError(t, err)
	assert.Less(t, of.spared, before, "what is spare is used again")
	got, err = io.ReadAll(send(again).Body)
	require.NoError(t, err)
	assert.True(t, text('e') == string(got))
	again.free()
}

func FuzzBody(f *testing.F) {
	f.Add([]byte("{}"), int64(2), 100, 1)
	f.Add(bytes.Repeat([]byte("x"), 5000), int64(-1), 4096, 7)
	f.Fuzz(func(t *testing.T, text []byte, length int64, limit, step int) {
		if length >= 0 {
			length = int64(len(text)) // as net/http does
		}
		of := &budget{limit: 1 + limit&0xffff}
		left := bytes.NewReader(text)
		b, err := keep(t, readerFunc(func(p []byte) (int, error) { return left.Read(p[:min(len(p), 1+step&0xfff)]) }), length, of)
		if err != nil {
			t.Fatal(err)
		}
		req := send(b)
		got, err := io.ReadAll(req.Body)
		if err != nil || !bytes.Equal(got, text) {
			t.Errorf("%d bytes became %d, %v", len(text), len(got), err)
		}
		_ = req.Body.Close()
		b.free()
		if of.used != 0 {
			t.Errorf("%d bytes are still in use", of.used)
		}
	})
}

// deadlines is a ResponseWriter that records the read deadlines that are set.
type deadlines struct {
	http.ResponseWriter
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

// The deadline for a request's body does not end a request whose answer takes long. Only a body
// that arrives in pieces gets more time.
func TestDeadlineEndsWithTheBody(t *testing.T) {
	for name, tt := range map[string]struct {
		body io.Reader
		sets int
	}{
		"none":       {nil, 1},
		"one piece":  {strings.NewReader("prompt"), 2}, // a strings.Reader reports its end in a separate read
		"two pieces": {io.MultiReader(strings.NewReader("a"), strings.NewReader("b")), 3},
	} {
		d := &deadlines{ResponseWriter: httptest.NewRecorder()}
		b, err := keepBody(d, httptest.NewRequest(http.MethodPost, "/", tt.body), new(budget))
		require.NoError(t, err, name)
		b.free()
		if assert.Len(t, d.set, tt.sets, name) {
			assert.Zero(t, d.set[len(d.set)-1], name)
		}
	}
}
