package supervise

import (
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// event is a line of output. The program that started the gateway reads it and shows Text to its
// user.
type event struct {
	Event string `json:"event"` // switched, exhausted, failed
	Text  string `json:"text"`
	From  string `json:"from,omitempty"` // the labels of a switch
	To    string `json:"to,omitempty"`
}

// WithEvents returns o with callbacks that also call write for each event. An event that is the
// same as the one before it is skipped.
func WithEvents(o gateway.Observer, write func(any) error) gateway.Observer {
	var mu sync.Mutex
	var last event
	tell := func(e event) {
		mu.Lock()
		defer mu.Unlock()
		if e != last {
			last = e
			_ = write(e) // fails if the reader has ended, and then this process ends too
		}
	}
	switched, exhausted, failed := o.Switched, o.Exhausted, o.Failed
	o.Switched = func(s rotation.Switch) {
		switched(s)
		tell(event{Event: "switched", Text: switchText(s, time.Now()), From: s.From.Label, To: s.To.Label})
	}
	o.Exhausted = func(x *gateway.Exchange, e *rotation.ExhaustedError) {
		exhausted(x, e)
		tell(event{Event: "exhausted", Text: e.Sentences(time.Now())})
	}
	o.Failed = func(err error) {
		failed(err)
		tell(event{Event: "failed", Text: text.Line(err.Error())})
	}
	return o
}
