package cli

import (
	"sync"
	"time"

	"ocgo-key/helper/gateway"
	"ocgo-key/internal/text"
	"ocgo-key/rotation"
)

// gatewayEvent is a line for the program that started the gateway, which shows the text to its user.
type gatewayEvent struct {
	Event string `json:"event"` // switched, exhausted, failed
	Text  string `json:"text"`
	From  string `json:"from,omitempty"` // labels, of a switch
	To    string `json:"to,omitempty"`
}

// told is the observer o that also writes each event on stdout, once for each trouble that stays the same.
func (a *app) told(o gateway.Observer) gateway.Observer {
	var mu sync.Mutex
	var last gatewayEvent
	tell := func(e gatewayEvent) {
		mu.Lock()
		defer mu.Unlock()
		if e != last {
			last = e
			_ = a.Document(e) // who started us may be gone, and then so are we
		}
	}
	switched, exhausted, failed := o.Switched, o.Exhausted, o.Failed
	o.Switched = func(s rotation.Switch) {
		switched(s)
		tell(gatewayEvent{Event: "switched", Text: switchText(s, time.Now()), From: s.From.Label, To: s.To.Label})
	}
	o.Exhausted = func(x *gateway.Exchange, e *rotation.ExhaustedError) {
		exhausted(x, e)
		tell(gatewayEvent{Event: "exhausted", Text: e.Sentences(time.Now())})
	}
	o.Failed = func(err error) {
		failed(err)
		tell(gatewayEvent{Event: "failed", Text: text.Line(err.Error())})
	}
	return o
}
