package gateway

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
)

// maxCostEvent is the greatest size, in bytes, of an event that is searched for a cost. A larger
// event is skipped: the event with the cost is small. A whole answer that is not a stream counts as
// one event.
const maxCostEvent = 1 << 20

// watchCost returns the answer's body unchanged. A top-level "cost" other than zero means that the
// answer was paid from the account's balance; then watchCost calls paid once. In a stream, the cost
// is in the last event. Source: docs/facts.md, "Real money".
func watchCost(resp *http.Response, paid func(cost string)) io.ReadCloser {
	return &costWatch{ReadCloser: resp.Body, stream: isEventStream(resp), paid: paid}
}

type costWatch struct {
	io.ReadCloser
	stream bool
	paid   func(string)

	pending []byte // what was read of the current line, or of a body that is not a stream
	skip    bool   // pending grew too large: the rest of the line is skipped
	found   bool
}

func (c *costWatch) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if !c.found {
		c.scan(p[:n], err != nil)
	}
	return n, err
}

func (c *costWatch) scan(piece []byte, ended bool) {
	for c.stream {
		line, rest, whole := cutLine(piece) // a CR LF that is split over two reads looks like an extra empty line
		if !whole {
			break
		}
		c.keep(line)
		c.judge(bytes.TrimPrefix(c.pending, []byte("data:")))
		c.pending, c.skip = c.pending[:0], false
		piece = rest
	}
	c.keep(piece)
	if ended {
		c.judge(bytes.TrimPrefix(c.pending, []byte("data:")))
		c.pending = nil
	}
}

func (c *costWatch) keep(piece []byte) {
	if c.skip = c.skip || len(c.pending)+len(piece) > maxCostEvent; c.skip {
		c.pending = nil
		return
	}
	c.pending = append(c.pending, piece...)
}

func (c *costWatch) judge(data []byte) {
	var answer struct {
		Cost json.RawMessage `json:"cost"`
	}
	if c.found || !bytes.Contains(data, []byte(`"cost"`)) || json.Unmarshal(data, &answer) != nil {
		return
	}
	cost := string(bytes.Trim(answer.Cost, `"`))
	if amount, err := strconv.ParseFloat(cost, 64); err == nil && amount != 0 {
		c.found = true
		c.paid(cost)
	}
}
