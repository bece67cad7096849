package opencode

import (
	"strings"

	"github.com/tailscale/hujson"
)

// configLogin is a key in OpenCode's configuration, and its position.
type configLogin struct {
	Login
	options *hujson.Object
	index   int // of the member in options
}

// configLogins reads the keys of the providers that take a Go key, from one member of a
// configuration: provider.ID.options.apiKey, or providers.ID.settings.apiKey as in OpenCode 2. A
// reference to a key ({env:…}, {file:…}) does not count.
func configLogins(m hujson.ObjectMember) []configLogin {
	in := map[string]string{"provider": "options", "providers": "settings"}[nameOf(m)]
	if in == "" {
		return nil
	}
	providers, ok := m.Value.Value.(*hujson.Object)
	if !ok {
		return nil
	}
	var found []configLogin
	for _, p := range providers.Members {
		name := nameOf(p)
		provider, _ := p.Value.Value.(*hujson.Object)
		options := child(provider, in)
		if name != GoProvider && name != ZenProvider || options == nil {
			continue
		}
		for i, o := range options.Members {
			literal, ok := o.Value.Value.(hujson.Literal)
			if nameOf(o) != "apiKey" || !ok || literal.Kind() != '"' || keyForm(literal.String()) != Literal {
				continue
			}
			login := Login{Entry: nameOf(m) + " " + name, Label: name}
			login.take(literal.String())
			found = append(found, configLogin{login, options, i})
		}
	}
	return found
}

// KeyForm is the kind of value that a configuration has as a key.
type KeyForm int

// The forms.
const (
	NoKey     KeyForm = iota
	Literal           // the key itself
	Reference         // {env:…} or {file:…}, which says where the key is
)

func keyForm(value string) KeyForm {
	switch {
	case value == "":
		return NoKey
	case strings.Contains(value, "{env:"), strings.Contains(value, "{file:"):
		return Reference
	}
	return Literal
}
