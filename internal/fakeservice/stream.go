package fakeservice

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// format is one of the three wire formats.
type format interface {
	auth() string            // the header that carries the key: "bearer" or "x-api-key"
	parse(in input, t *turn) // sets the turn's prompt and number of tool results
	whole(said) object
	events(said) []event
	failure(a Answer) event // returns the error event of a stream
}

// turn holds the parsed parts of a request.
type turn struct {
	model   string
	stream  bool
	tools   []string
	results int
	prompt  string
}

// input has the members of a request in all three formats.
type input struct {
	Model    string
	Stream   bool
	Messages []message
	Input    json.RawMessage // a list of messages, or a string
	Tools    []struct {
		Name     string
		Function struct{ Name string }
	}
}

type message struct {
	Type, Role string
	Content    json.RawMessage
}

// parse parses the body of a request.
func parse(body []byte, f format) (turn, error) {
	var in input
	if err := json.Unmarshal(body, &in); err != nil {
		return turn{}, err
	}
	t := turn{model: in.Model, stream: in.Stream}
	for _, tool := range in.Tools {
		t.tools = append(t.tools, cmp.Or(tool.Name, tool.Function.Name))
	}
	f.parse(in, &t)
	return t, nil
}

// said is the model's answer: a text, or one tool call.
type said struct {
	n       int // the number of the request, for ids
	model   string
	created int64
	text    string
	call    *Call
	args    string // the arguments of the call, as JSON
	in, out int    // tokens
	cost    string
}

// pieces returns the text word by word, or the call's arguments in two halves.
func (m said) pieces() []string {
	if m.call != nil {
		half := len(m.args) / 2
		return []string{m.args[:half], m.args[half:]}
	}
	return strings.SplitAfter(m.text, " ")
}

func (m said) id(prefix string) string { return fmt.Sprintf("%s_fake%d", prefix, m.n) }

// event is one server-sent event.
type event struct {
	name  string // "" leaves the line out
	data  any    // a string is sent unchanged
	piece bool   // the event contains a piece of the answer
}

func (e event) bytes(how Spelling) ([]byte, error) {
	var b bytes.Buffer
	end := cmp.Or(map[Spelling]string{CRLF: "\r\n", CR: "\r"}[how], "\n")
	if e.name != "" {
		b.WriteString("event: " + e.name + end)
	}
	text, isText := e.data.(string)
	data := []byte(text)
	if !isText {
		var err error
		if data, err = json.Marshal(e.data); err != nil {
			return nil, err
		}
	}
	if how == Lines && json.Valid(data) {
		var indented bytes.Buffer
		if err := json.Indent(&indented, data, "", "  "); err != nil {
			return nil, err
		}
		data = indented.Bytes()
	}
	for line := range bytes.Lines(data) {
		b.WriteString("data: ")
		b.Write(bytes.TrimSuffix(line, []byte("\n")))
		b.WriteString(end)
	}
	b.WriteString(end)
	return b.Bytes(), nil
}

// call returns the answer's next tool call, with the name of the tool in this client.
func (t turn) call(answer Answer) (*Call, bool) {
	if t.results >= len(answer.Calls) {
		return nil, false
	}
	call := answer.Calls[t.results]
	if call.Name == bash && !slices.Contains(t.tools, bash) {
		call.Name = shell
	}
	return &call, slices.Contains(t.tools, call.Name)
}

// say returns the model's answer.
func (x *exchange) say(t turn, answer Answer) (said, error) {
	m := said{n: x.log.N, model: t.model, created: x.s.now().Unix(), cost: cmp.Or(answer.Cost, "0"), in: len(x.log.Body)/4 + 1}
	if call, ok := t.call(answer); ok {
		m.call = call
		args, err := json.Marshal(m.call.Args)
		if err != nil {
			return m, err
		}
		m.args = string(args)
		m.out = len(args)/4 + 1
		return m, nil
	}
	switch {
	case x.log.Title:
		m.text = cmp.Or(x.s.opts.Title, "A friendly greeting")
	case answer.Text != "":
		m.text = answer.Text
	case x.s.opts.Reply != nil:
		m.text = x.s.opts.Reply(*x.log)
	default:
		m.text = "Hello from " + x.log.Account + "."
	}
	m.out = len(m.text)/4 + 1
	return m, nil
}

// succeed sends a model's answer, with the faults of the plan. The answer is a stream, if the
// client requested one.
func (x *exchange) succeed(f format, t turn, answer Answer) {
	if !x.ready(answer) {
		return
	}
	m, err := x.say(t, answer)
	if err != nil {
		x.sendJSON(http.StatusInternalServerError, object{"type": "error", "error": object{"type": "error", "message": err.Error()}})
		return
	}
	if t.stream && answer.Break != JSONError {
		x.w.Header().Set("Content-Type", "text/event-stream")
		x.w.Header().Set("Cache-Control", "no-cache")
		x.head(answer)
		if x.flush() {
			x.stream(f, f.events(m), answer)
		}
		return
	}
	x.w.Header().Set("Content-Type", "application/json")
	if answer.Break == SSEError || answer.Break == JSONError {
		x.whole(Answer{Header: answer.Header}, errorBody(answer))
		return
	}
	body, err := json.Marshal(f.whole(m))
	if err != nil {
		body = []byte(err.Error())
	}
	x.whole(answer, body)
}

// stream sends the events, flushing each.
func (x *exchange) stream(f format, events []event, answer Answer) {
	sent, breakAfter := 0, 0
	for _, e := range events {
		if e.piece && breakAfter < answer.BreakAfter {
			breakAfter++
		}
	}
	if answer.Break != NoBreak && breakAfter == 0 {
		x.breakStream(f, answer)
		return
	}
	for _, e := range events {
		if e.piece && sent > 0 && answer.ChunkDelay != 0 && !x.s.sleep(x.r.Context(), answer.ChunkDelay) {
			x.cut(false)
			return
		}
		if x.r.Context().Err() != nil || !x.event(e, answer.Spelling) {
			return
		}
		if e.piece {
			sent++
			if answer.Break != NoBreak && sent == breakAfter {
				x.breakStream(f, answer)
				return
			}
		}
	}
	x.outcome = Answered
}

func (x *exchange) event(e event, how Spelling) bool {
	b, err := e.bytes(how)
	if err != nil {
		return false
	}
	if _, err := x.w.Write(b); err != nil {
		return false
	}
	return x.flush()
}

func (x *exchange) breakStream(f format, answer Answer) {
	if answer.Break == SSEError && !x.event(f.failure(answer), answer.Spelling) {
		return
	}
	x.outcome = Broken
	if answer.Break != SSEError && answer.Break != CleanEnd {
		x.cut(answer.Break == Reset)
	}
}
