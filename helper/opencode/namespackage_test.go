package opencode

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesPackage(t *testing.T) {
	for config, want := range map[string][]int{
		``:                                       nil,
		`{`:                                      nil,
		`{"plugin": "ocgo-key"}`:                 nil,
		`{"plugin": ["ocgo-key-other", 1, {}]}`:  nil,
		`{"plugin": ["other", "ocgo-key"]}`:      {1},
		`{"plugin": [["ocgo-key@1.2.3", {}]]}`:   {1},
		`{"plugins": ["ocgo-key"] /* JSONC */,}`: {2},
	} {
		for _, generation := range []int{1, 2} {
			assert.Equal(t, slices.Contains(want, generation), NamesPackage([]byte(config), generation), "%d: %s", generation, config)
		}
	}
}
