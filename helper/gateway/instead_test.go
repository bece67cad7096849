package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWithModel(t *testing.T) {
	for text, want := range map[string]string{
		`{"model":"a","stream":true}`:                    `{"model":"b\"","stream":true}`,
		` { "x" : {"model":"a"}, "model" : "a" , "y":1}`: ` { "x" : {"model":"a"}, "model" : "b\"" , "y":1}`,
		`{"messages":[]}`:                                "", `[]`: "", ``: "", `{"model":`: "", `{"x":[`: "",
	} {
		got, ok := withModel([]byte(text), `b"`)
		assert.Equal(t, want, string(got), text)
		assert.Equal(t, want != "", ok, text)
	}
}
