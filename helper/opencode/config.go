package opencode

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// ConfigVariable is the environment variable that contains a JSON configuration. It overrides all
// other settings of users and wrappers. Source: docs/facts.md, "Which key OpenCode uses".
const ConfigVariable = "OPENCODE_CONFIG_CONTENT"

// Endpoint is the address and the headers of a provider's requests. If BaseURL is empty, the
// provider keeps its address, but no longer takes its key from the environment.
type Endpoint struct {
	BaseURL string
	Headers map[string]string
}

// PlaceholderKey is set where OpenCode requires a key. It is not a key: the gateway's token is sent
// in a separate header, which no stored login, variable or other setting replaces.
const PlaceholderKey = "ocgo-placeholder"

// ErrConfig means that the user's configuration content cannot be changed. Its text never quotes
// that content.
var ErrConfig = errors.New(ConfigVariable + " cannot be used")

// MergeConfig adds the endpoints, by provider id, to the user's configuration content, in the
// formats of OpenCode 1 and OpenCode 2. The user's content may be JSON or JSONC with OpenCode's
// {env:…} and {file:…}, or empty. Everything else stays as the user wrote it.
func MergeConfig(user string, endpoints map[string]Endpoint) (string, error) {
	return editConfig(user, func(config object) error {
		for id, endpoint := range endpoints {
			// Source of both forms: docs/facts.md, "Which key OpenCode uses".
			err := endpoint.set(config, []string{"provider", id}, "options", "options", "headers")
			if err == nil {
				err = endpoint.set(config, []string{"providers", id}, "settings", "headers")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// AddPlugin returns configuration content with one more folder among the plugins of OpenCode 2.
// OpenCode 1 ignores it.
func AddPlugin(content, folder string) (string, error) {
	return editConfig(content, func(config object) error {
		var plugins []json.RawMessage
		if raw, ok := config["plugins"]; ok && json.Unmarshal(raw, &plugins) != nil {
			return fmt.Errorf("%w: its member %q is not a list", ErrConfig, "plugins")
		}
		ours, _ := json.Marshal(folder) // strings always marshal
		var err error
		config["plugins"], err = json.Marshal(append(plugins, ours))
		return err
	})
}

// SetModel returns configuration content with its model replaced by this one.
func SetModel(content, model string) (string, error) {
	return editConfig(content, func(config object) error {
		var err error
		config["model"], err = json.Marshal(model)
		return err
	})
}

// editConfig parses configuration content, calls edit to change it, and returns the result.
func editConfig(content string, edit func(object) error) (string, error) {
	text, references := quoteReferences(content, true)
	config, err := parseObject([]byte(text))
	if err == nil {
		err = edit(config)
	}
	if err != nil {
		return "", err
	}
	merged, err := json.Marshal(config)
	return references.restore(string(merged)), err
}

// set writes the endpoint into the object at path. The address and the placeholder go into the
// member settings of that object, and the headers into the object at the path headers below it.
func (e Endpoint) set(config object, path []string, settings string, headers ...string) error {
	err := within(config, path, func(provider object) { provider["env"] = json.RawMessage("[]") })
	if err != nil || e.BaseURL == "" {
		return err
	}
	err = within(config, append(slices.Clone(path), settings), func(options object) {
		options["baseURL"], _ = json.Marshal(e.BaseURL) // strings always marshal
		options["apiKey"], _ = json.Marshal(PlaceholderKey)
	})
	if err != nil {
		return err
	}
	return within(config, append(slices.Clone(path), headers...), func(all object) {
		for name, value := range e.Headers {
			// The same name in two spellings would be sent as one header with two values.
			maps.DeleteFunc(all, func(other string, _ json.RawMessage) bool { return strings.EqualFold(other, name) })
			all[name], _ = json.Marshal(value)
		}
	})
}

// object is a JSON object whose values stay as written, with their order and numbers.
type object = map[string]json.RawMessage

func parseObject(text []byte) (object, error) {
	o := object{}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
	if len(text) == 0 || string(text) == "null" {
		return o, nil
	}
	value, err := hujson.Parse(append(text, '\n')) // the last line of the text may be a comment
	if err != nil {
		return nil, fmt.Errorf("%w: the value is not JSON", ErrConfig) // the parser's message could quote the value
	}
	value.Standardize()
	if err := json.Unmarshal(value.Pack(), &o); err != nil || o == nil {
		return nil, fmt.Errorf("%w: the value is not a JSON object", ErrConfig)
	}
	return o, nil
}

// within calls change with the object at path below o. It creates the object if it is missing.
func within(o object, path []string, change func(object)) error {
	if len(path) == 0 {
		change(o)
		return nil
	}
	child := object{}
	if raw, ok := o[path[0]]; ok && string(raw) != "null" {
		if err := json.Unmarshal(raw, &child); err != nil {
			return fmt.Errorf("%w: its member %q is not an object", ErrConfig, path[0])
		}
	}
	if err := within(child, path[1:], change); err != nil {
		return err
	}
	packed, err := json.Marshal(child)
	o[path[0]] = packed
	return err
}
