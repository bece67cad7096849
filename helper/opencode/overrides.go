package opencode

import (
	"strings"

	"github.com/tailscale/hujson"
)

// read reads the providers' member of a configuration, in the form of OpenCode 1 ("provider", with
// everything in "options") or of OpenCode 2 ("providers", with "settings" and, beside it,
// "headers"). Source: docs/facts.md, "Which key OpenCode uses".
func (o *Overrides) read(m hujson.ObjectMember, settings, standIn string) {
	providers, ok := m.Value.Value.(*hujson.Object)
	if !ok {
		return
	}
	for _, p := range providers.Members {
		provider, ok := p.Value.Value.(*hujson.Object)
		if nameOf(p) != GoProvider || !ok {
			continue
		}
		if set := child(p, settings); set != nil {
			if value, ok := text(set, "baseURL"); ok {
				o.BaseURL = value != ""
			}
			if value, ok := text(set, "apiKey"); ok {
				o.Key, o.StandsIn = keyForm(value), standIn != "" && strings.HasPrefix(value, standIn)
			}
			o.Headers = append(o.Headers, keyHeaders(set)...)
		}
		o.Headers = append(o.Headers, keyHeaders(provider)...)
		for _, member := range provider.Members {
			if nameOf(member) == "env" {
				o.Env = texts(member.Value)
			}
		}
	}
}

// with adds the settings in the form of OpenCode 2. A real key takes precedence over a placeholder.
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
	for _, m := range in.Members {
		headers, ok := m.Value.Value.(*hujson.Object)
		if nameOf(m) != "headers" || !ok {
			continue
		}
		for _, header := range headers.Members {
			name := nameOf(header)
			if value, _ := text(headers, name); value != "" && (strings.EqualFold(name, "authorization") || strings.EqualFold(name, "x-api-key")) {
				names = append(names, name)
			}
		}
	}
	return names
}

// texts returns the strings in an array.
func texts(v hujson.Value) (all []string) {
	array, ok := v.Value.(*hujson.Array)
	if !ok {
		return nil
	}
	for _, element := range array.Elements {
		if literal, ok := element.Value.(hujson.Literal); ok && literal.Kind() == '"' {
			all = append(all, literal.String())
		}
	}
	return all
}

// Where returns the place of the settings, as it is written in the configuration.
func (o Overrides) Where() string {
	if o.Second {
		return "providers." + GoProvider
	}
	return "provider." + GoProvider + ".options"
}

// Place returns the place of one setting, baseURL or apiKey, as it is written in the configuration.
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
