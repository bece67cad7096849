package opencode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tailscale/hujson"
)

// ConfigVariable is the environment variable whose JSON is the strongest layer of configuration that a user or
// a wrapper can set. Source: opencode-facts, "Which key OpenCode uses".
const ConfigVariable = "OPENCODE_CONFIG_CONTENT"

// Endpoint is where a provider's requests go, and what it shows there in place of a key.
type Endpoint struct {
	BaseURL string `json:"baseURL"`
	APIKey  string `json:"apiKey"` // a gateway's token
}

// ErrConfig means that the user's own configuration content can't be merged into. Its text never holds any of it.
var ErrConfig = errors.New(ConfigVariable + " cannot be used")

// MergeConfig returns the user's configuration content (JSON or JSONC; empty for none) with the endpoints' two
// options set for each provider id. All else stays as the user wrote it.
func MergeConfig(user string, endpoints map[string]Endpoint) (string, error) {
	config, err := parseObject([]byte(user))
	if err != nil {
		return "", err
	}
	for id, endpoint := range endpoints {
		err := within(config, []string{"provider", id, "options"}, func(options object) {
			options["baseURL"], _ = json.Marshal(endpoint.BaseURL) // strings always marshal
			options["apiKey"], _ = json.Marshal(endpoint.APIKey)
		})
		if err != nil {
			return "", err
		}
	}
	merged, err := json.Marshal(config)
	return string(merged), err
}

// object keeps the values as they are written, so that nothing within them changes: neither order nor numbers.
type object = map[string]json.RawMessage

func parseObject(text []byte) (object, error) {
	o := object{}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 || string(text) == "null" {
		return o, nil
	}
	value, err := hujson.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not JSON", ErrConfig) // the parser's words could quote it
	}
	value.Standardize()
	if err := json.Unmarshal(value.Pack(), &o); err != nil || o == nil {
		return nil, fmt.Errorf("%w: it is not a JSON object", ErrConfig)
	}
	return o, nil
}

// within calls change with the object at path below o, made where it is missing.
func within(o object, path []string, change func(object)) error {
	if len(path) == 0 {
		change(o)
		return nil
	}
	child := object{}
	if raw, ok := o[path[0]]; ok && string(raw) != "null" {
		if err := json.Unmarshal(raw, &child); err != nil {
			return fmt.Errorf("%w: %q in it is not an object", ErrConfig, path[0])
		}
	}
	if err := within(child, path[1:], change); err != nil {
		return err
	}
	packed, err := json.Marshal(child)
	o[path[0]] = packed
	return err
}
