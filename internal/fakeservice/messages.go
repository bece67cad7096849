package fakeservice

import "encoding/json"

// messages is POST /messages, Anthropic's format.
type messages struct{}

func (messages) auth() string { return "x-api-key" }

func (messages) parse(in input, t *turn) {
	for _, m := range in.Messages {
		if m.Role != "user" {
			continue
		}
		if text := textOf(m.Content); text != "" {
			t.prompt = text
		}
		var parts []struct {
			Type string `json:"type"`
		}
		_ = json.Unmarshal(m.Content, &parts) // fails if the content is a plain string, which has no parts
		for _, p := range parts {
			if p.Type == "tool_result" {
				t.results++
			}
		}
	}
}

func (messages) failure(a Answer) event { return event{name: "error", data: string(errorBody(a))} }

func (messages) stop(m said) string {
	if m.call != nil {
		return "tool_use"
	}
	return "end_turn"
}

func (f messages) whole(m said) object {
	block := object{"type": "text", "text": m.text}
	if m.call != nil {
		block = object{"type": "tool_use", "id": m.id("toolu"), "name": m.call.Name, "input": m.call.Args}
	}
	return object{"id": m.id("msg"), "type": "message", "role": "assistant", "model": m.model,
		"content": []object{block}, "stop_reason": f.stop(m), "stop_sequence": nil,
		"usage": object{"input_tokens": m.in, "output_tokens": m.out}, "cost": m.cost}
}

func (f messages) events(m said) []event {
	var out []event
	add := func(piece bool, name string, more object) {
		more["type"] = name
		out = append(out, event{name: name, data: more, piece: piece})
	}
	add(false, "message_start", object{"message": object{"id": m.id("msg"), "type": "message", "role": "assistant",
		"model": m.model, "content": []object{}, "stop_reason": nil, "stop_sequence": nil,
		"usage": object{"input_tokens": m.in, "output_tokens": 1}}})
	block := object{"type": "text", "text": ""}
	if m.call != nil {
		block = object{"type": "tool_use", "id": m.id("toolu"), "name": m.call.Name, "input": object{}}
	}
	add(false, "content_block_start", object{"index": 0, "content_block": block})
	for _, p := range m.pieces() {
		delta := object{"type": "text_delta", "text": p}
		if m.call != nil {
			delta = object{"type": "input_json_delta", "partial_json": p}
		}
		add(true, "content_block_delta", object{"index": 0, "delta": delta})
	}
	add(false, "content_block_stop", object{"index": 0})
	add(false, "message_delta", object{"delta": object{"stop_reason": f.stop(m), "stop_sequence": nil},
		"usage": object{"input_tokens": m.in, "output_tokens": m.out}})
	add(false, "message_stop", object{})
	add(false, "ping", object{"cost": m.cost})
	return out
}
