package config

import (
	"bytes"
	_ "embed"
)

//go:embed schema.json
var schemaJSON []byte

//go:embed starter.yaml
var starterYAML []byte

// Schema returns the JSON Schema (draft 2020-12) of the file, made from the types of
// this package and the tables of kinds. It knows keys, types, choices and forms;
// whether names refer to one another only Parse can tell. The caller owns the slice.
func Schema() []byte { return bytes.Clone(schemaJSON) }

// Starter returns the commented file that `dutyops init` writes. It passes Parse.
// The caller owns the slice.
func Starter() []byte { return bytes.Clone(starterYAML) }
