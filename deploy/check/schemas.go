package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// schemas writes a JSON schema for each kind of Kubernetes' own definitions and
// of custom resources, in which a field that the kind does not have is an error:
// FOLDER/KIND-VERSION.json, all lower case.
func schemas(_ context.Context, args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("schemas wants a folder and Kubernetes' swagger.json")
	}
	folder := args[0]
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := own(folder, args[1]); err != nil {
		return err
	}
	for _, name := range args[2:] {
		if err := custom(folder, name); err != nil {
			return err
		}
	}
	return nil
}

type object = map[string]any

// own writes the definitions of swagger.json, each with all that it refers to.
func own(folder, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var swagger struct {
		Definitions map[string]object `json:"definitions"`
	}
	if err := json.Unmarshal(text, &swagger); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for _, definition := range swagger.Definitions {
		strict(definition)
	}
	for of, definition := range swagger.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			kind := kind.(object)
			needed := map[string]object{}
			collect(definition, swagger.Definitions, needed)
			schema := object{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/" + of, "definitions": needed}
			needed[of] = definition
			if err := write(folder, kind["kind"].(string), kind["version"].(string), schema); err != nil {
				return err
			}
		}
	}
	return nil
}

// collect adds what node refers to.
func collect(node any, all, needed map[string]object) {
	switch node := node.(type) {
	case object:
		if ref, ok := node["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, "#/definitions/")
			if _, known := needed[name]; !known {
				needed[name] = all[name]
				collect(all[name], all, needed)
			}
		}
		for _, child := range node {
			collect(child, all, needed)
		}
	case []any:
		for _, child := range node {
			collect(child, all, needed)
		}
	}
}

// strict refuses fields that are not named, wherever some are.
func strict(node any) {
	switch node := node.(type) {
	case object:
		_, named := node["properties"].(object)
		_, open := node["additionalProperties"]
		if kept, _ := node["x-kubernetes-preserve-unknown-fields"].(bool); named && !open && !kept {
			node["additionalProperties"] = false
		}
		switch { // what Kubernetes says in words of its own
		case node["x-kubernetes-int-or-string"] == true, node["format"] == "int-or-string":
			delete(node, "type")
			delete(node, "format")
			node["anyOf"] = []any{object{"type": "string"}, object{"type": "integer"}}
		}
		for _, child := range node {
			strict(child)
		}
	case []any:
		for _, child := range node {
			strict(child)
		}
	}
}

// custom writes the versions of a CustomResourceDefinition.
func custom(folder, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var crd struct {
		Spec struct {
			Names    struct{ Kind string }
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema object `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if crd.Spec.Names.Kind == "" {
		return fmt.Errorf("%s: no CustomResourceDefinition", name)
	}
	for _, version := range crd.Spec.Versions {
		schema := version.Schema.OpenAPIV3Schema
		if metadata, ok := schema["properties"].(object)["metadata"].(object); ok {
			metadata["x-kubernetes-preserve-unknown-fields"] = true
		}
		strict(schema)
		schema["$schema"] = "http://json-schema.org/draft-07/schema#"
		if err := write(folder, crd.Spec.Names.Kind, version.Name, schema); err != nil {
			return err
		}
	}
	return nil
}

func write(folder, kind, version string, schema object) error {
	text, err := json.Marshal(schema)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, strings.ToLower(kind+"-"+version)+".json"), text, 0o644)
}
