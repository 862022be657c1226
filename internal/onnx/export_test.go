package onnx

var ChooseKernels = chooseKernels
