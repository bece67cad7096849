package opencode

import (
	"bytes"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
)

// read reads the Go provider's settings. OpenCode 1 has all of them in "options"; OpenCode 2 has
// "settings" and, beside it, "headers". Source: docs/facts.md, "Which key OpenCode uses".
func (o *Overrides) read(provider *hujson.Object, settings, standIn string) {
	set := child(provider, settings)
	if value, ok := text(set, "baseURL"); ok {
		o.BaseURL = value != ""
	}
	if value, ok := text(set, "apiKey"); ok {
		o.Key, o.StandsIn = keyForm(value), standIn != "" && strings.HasPrefix(value, standIn)
	}
	o.Headers = append(keyHeaders(set), keyHeaders(provider)...)
	env, _ := property(provider, "env").(*hujson.Array)
	o.Env = texts(env)
}

// with adds settings in the format of OpenCode 2 to o. A real key takes precedence over a
// placeholder.
func (o Overrides) with(second Overrides) Overrides {
	o.Second = !o.Any() && second.Any()
	o.BaseURL = o.BaseURL || second.BaseURL
	if o.Key == NoKey || o.StandsIn && second.Key != NoKey {
		o.Key, o.StandsIn = second.Key, second.StandsIn
	}
	o.Headers = append(o.Headers, second.Headers...)
	o.Env = append(o.Env, second.Env...)
	return o
}

// keyHeaders returns the headers in an object's "headers" from which the service takes a key.
func keyHeaders(in *hujson.Object) (names []string) {
	headers := child(in, "headers")
	for _, name := range memberNames(headers) {
		if value, _ := text(headers, name); value != "" && (strings.EqualFold(name, "authorization") || strings.EqualFold(name, "x-api-key")) {
			names = append(names, name)
		}
	}
	return names
}

// texts returns the strings in an array, which may be nil.
func texts(array *hujson.Array) (all []string) {
	if array == nil {
		return nil
	}
	for _, element := range array.Elements {
		if literal, ok := element.Value.(hujson.Literal); ok && literal.Kind() == '"' {
			all = append(all, literal.String())
		}
	}
	return all
}

// Where returns the path of the settings in the configuration.
func (o Overrides) Where() string {
	if o.Second {
		return "providers." + GoProvider
	}
	return "provider." + GoProvider + ".options"
}

// Place returns the path of one setting, baseURL or apiKey, in the configuration.
func (o Overrides) Place(setting string) string {
	if o.Second {
		return o.Where() + ".settings." + setting
	}
	return o.Where() + "." + setting
}

// Names lists the options that are set: "baseURL, apiKey, headers.Authorization".
func (o Overrides) Names() string {
	var names []string
	if o.BaseURL {
		names = append(names, "baseURL")
	}
	if o.Key != NoKey {
		names = append(names, "apiKey")
	}
	for _, name := range o.Headers {
		names = append(names, "headers."+name)
	}
	return strings.Join(names, ", ")
}

// Points returns the Go provider's address in a configuration for OpenCode 1 or 2. ours reports
// whether it is a gateway of ocgo-key: the provider has the token's header, or a key that begins
// with standIn.
func Points(config []byte, standIn string) (address string, ours bool) {
	for _, provider := range goProviders(config) {
		ours = ours || hasToken(provider)
		for _, name := range []string{"settings", "options"} {
			options := child(provider, name)
			if value, _ := text(options, "baseURL"); value != "" {
				address = value
			}
			key, ok := text(options, "apiKey")
			ours = ours || ok && strings.HasPrefix(key, standIn) || hasToken(options)
		}
	}
	return address, ours
}

// tokenHeader is the header with a gateway's token.
const tokenHeader = "x-ocgo-key-token"

func hasToken(o *hujson.Object) bool {
	return slices.ContainsFunc(memberNames(child(o, "headers")), func(name string) bool { return strings.EqualFold(name, tokenHeader) })
}

// goProviders returns the Go provider's objects in a configuration, for OpenCode 1 and 2. If the
// text is not a configuration, there are none.
func goProviders(config []byte) (found []*hujson.Object) {
	root, err := parseRoot(bytes.TrimPrefix(config, bom))
	if err != nil {
		return nil
	}
	for _, m := range root.Members {
		if name := nameOf(m); name == "provider" || name == "providers" {
			providers, _ := m.Value.Value.(*hujson.Object)
			if provider := child(providers, GoProvider); provider != nil {
				found = append(found, provider)
			}
		}
	}
	return found
}

// ModelOverride is a model with its own address or key in a configuration.
type ModelOverride struct {
	Model string
	Names []string // "apiKey", "baseURL"
}

// ModelOverrides returns the overrides for the Go provider's models in a configuration. Keys that
// begin with standIn do not count.
func ModelOverrides(config []byte, standIn string) (found []ModelOverride) {
	for _, provider := range goProviders(config) {
		models := child(provider, "models")
		for _, id := range memberNames(models) {
			address, key := false, false
			for _, name := range []string{"settings", "options"} {
				options := child(child(models, id), name)
				baseURL, _ := text(options, "baseURL")
				apiKey, _ := text(options, "apiKey")
				address = address || baseURL != ""
				key = key || apiKey != "" && !strings.HasPrefix(apiKey, standIn)
			}
			override := ModelOverride{Model: shownModel(id)}
			if key {
				override.Names = append(override.Names, "apiKey")
			}
			if address {
				override.Names = append(override.Names, "baseURL")
			}
			if key || address {
				found = append(found, override)
			}
		}
	}
	return found
}

// shownModel returns the id of a model, or other words if the id may be a key.
func shownModel(id string) string {
	const longest = 64
	if id == "" || len(id) > longest || secretLike(id) {
		return "with an unusual name"
	}
	return id
}
