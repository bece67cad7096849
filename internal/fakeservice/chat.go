package fakeservice

import (
	"encoding/json"
	"maps"
)

// chat is POST /chat/completions, the format of OpenAI-compatible services.
type chat struct{}

func (chat) auth() string { return "bearer" }

func (chat) parse(in input, t *turn) {
	for _, m := range in.Messages {
		switch m.Role {
		case "tool":
			t.results++
		case "user":
			t.prompt = textOf(m.Content)
		}
	}
}

// textOf returns the text of a message's content. In all three formats the content is a string or a
// list of parts.
func textOf(content json.RawMessage) string {
	var text string
	if json.Unmarshal(content, &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(content, &parts) != nil {
		return ""
	}
	for _, p := range parts {
		text += p.Text
	}
	return text
}

func (chat) failure(a Answer) event {
	name := "error"
	if a.Bare { // as OpenAI's service does
		name = ""
	}
	return event{name: name, data: string(errorBody(a))}
}

func (chat) usage(m said) object {
	return object{"prompt_tokens": m.in, "completion_tokens": m.out, "total_tokens": m.in + m.out}
}

func (chat) finish(m said) string {
	if m.call != nil {
		return "tool_calls"
	}
	return "stop"
}

func (c chat) whole(m said) object {
	message := object{"role": "assistant", "content": m.text}
	if m.call != nil {
		message["content"] = nil
		message["tool_calls"] = []object{{"id": m.id("call"), "type": "function",
			"function": object{"name": m.call.Name, "arguments": m.args}}}
	}
	return object{"id": m.id("chatcmpl"), "object": "chat.completion", "created": m.created, "model": m.model,
		"choices": []object{{"index": 0, "message": message, "finish_reason": c.finish(m)}},
		"usage":   c.usage(m), "cost": m.cost}
}

func (c chat) events(m said) []event {
	chunk := func(more object) object {
		o := object{"id": m.id("chatcmpl"), "object": "chat.completion.chunk", "created": m.created, "model": m.model}
		maps.Copy(o, more)
		return o
	}
	choice := func(delta object, finish any) object {
		return chunk(object{"choices": []object{{"index": 0, "delta": delta, "finish_reason": finish}}})
	}
	first := object{"role": "assistant", "content": ""}
	if m.call != nil {
		first = object{"role": "assistant", "content": nil, "tool_calls": []object{{"index": 0, "id": m.id("call"),
			"type": "function", "function": object{"name": m.call.Name, "arguments": ""}}}}
	}
	out := []event{{data: choice(first, nil)}}
	for _, p := range m.pieces() {
		delta := object{"content": p}
		if m.call != nil {
			delta = object{"tool_calls": []object{{"index": 0, "function": object{"arguments": p}}}}
		}
		out = append(out, event{data: choice(delta, nil), piece: true})
	}
	return append(out,
		event{data: choice(object{}, c.finish(m))},
		event{data: chunk(object{"choices": []object{}, "usage": c.usage(m)})},
		event{data: "[DONE]"},
		// The service adds the cost after the stream of its provider has ended, that is, after
		// [DONE].
		event{data: chunk(object{"choices": []object{}, "cost": m.cost})},
	)
}
