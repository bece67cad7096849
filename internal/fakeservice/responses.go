package fakeservice

import (
	"cmp"
	"encoding/json"
)

// responses is POST /responses, OpenAI's newer format.
type responses struct{}

func (responses) auth() string { return "bearer" }

func (responses) parse(in input, t *turn) {
	var items []message
	if json.Unmarshal(in.Input, &items) != nil {
		t.prompt = textOf(in.Input) // the input may be a single string
	}
	for _, item := range items {
		switch {
		case item.Type == "function_call_output":
			t.results++
		case item.Role == "user":
			t.prompt = textOf(item.Content)
		}
	}
}

// failure has the top-level members that OpenAI documents for this event. It also has the error
// object that clients know from the other formats. The outer type is that of the event, and is
// always set.
func (responses) failure(a Answer) event {
	inner := object{"message": a.Message, "code": nil, "param": nil}
	if code := cmp.Or(a.Code, a.ErrorType); code != "" {
		inner["code"] = code
	}
	if a.ErrorType != "" {
		inner["type"] = a.ErrorType
	}
	return event{name: "error", data: object{"type": "error", "sequence_number": 0, "code": inner["code"],
		"message": a.Message, "param": nil, "error": inner}}
}

// item returns the only item of the answer's output, with the given part of its text or arguments.
func (responses) item(m said, status, content string) object {
	if m.call != nil {
		return object{"type": "function_call", "id": m.id("fc"), "call_id": m.id("call"), "name": m.call.Name,
			"arguments": content, "status": status}
	}
	parts := []object{}
	if status == "completed" {
		parts = append(parts, object{"type": "output_text", "text": content, "annotations": []object{}})
	}
	return object{"type": "message", "id": m.id("msg"), "role": "assistant", "status": status, "content": parts}
}

func (responses) response(m said, status string, output []object) object {
	o := object{"id": m.id("resp"), "object": "response", "created_at": m.created, "model": m.model, "status": status,
		"output": output, "error": nil, "incomplete_details": nil, "usage": nil}
	if status == "completed" {
		o["usage"] = object{"input_tokens": m.in, "input_tokens_details": object{"cached_tokens": 0},
			"output_tokens": m.out, "output_tokens_details": object{"reasoning_tokens": 0},
			"total_tokens": m.in + m.out}
	}
	return o
}

func (m said) content() string {
	if m.call != nil {
		return m.args
	}
	return m.text
}

func (f responses) whole(m said) object {
	o := f.response(m, "completed", []object{f.item(m, "completed", m.content())})
	o["cost"] = m.cost
	return o
}

func (f responses) events(m said) []event {
	var out []event
	add := func(piece bool, name string, more object) {
		more["type"] = name
		more["sequence_number"] = len(out)
		out = append(out, event{name: name, data: more, piece: piece})
	}
	add(false, "response.created", object{"response": f.response(m, "in_progress", []object{})})
	add(false, "response.in_progress", object{"response": f.response(m, "in_progress", []object{})})
	add(false, "response.output_item.added", object{"output_index": 0, "item": f.item(m, "in_progress", "")})
	// at returns the members that refer to the item. For a text, they also refer to its part.
	at := func(more object) object {
		more["item_id"], more["output_index"] = m.id("fc"), 0
		if m.call == nil {
			more["item_id"], more["content_index"] = m.id("msg"), 0
		}
		return more
	}
	part := func(text string) object {
		return at(object{"part": object{"type": "output_text", "text": text, "annotations": []object{}}})
	}
	kind, done := "response.output_text", "text"
	if m.call != nil {
		kind, done = "response.function_call_arguments", "arguments"
	} else {
		add(false, "response.content_part.added", part(""))
	}
	for _, p := range m.pieces() {
		add(true, kind+".delta", at(object{"delta": p}))
	}
	add(false, kind+".done", at(object{done: m.content()}))
	if m.call == nil {
		add(false, "response.content_part.done", part(m.text))
	}
	whole := f.item(m, "completed", m.content())
	add(false, "response.output_item.done", object{"output_index": 0, "item": whole})
	add(false, "response.completed", object{"response": f.response(m, "completed", []object{whole})})
	return append(out, event{name: "ping", data: object{"type": "ping", "cost": m.cost}})
}
