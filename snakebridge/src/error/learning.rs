//! What goes wrong in libraries of machine learning, recognised by what they say. Pure.

use super::{Error, Exception};

/// What commonly goes wrong in libraries of machine learning. They raise `RuntimeError` or `ValueError` for most of it, so it
/// is recognised by the message: those of `PyTorch`, `NumPy`, `TensorFlow` and JAX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LearningFault {
    /// The memory of a GPU, or of another device, is used up.
    DeviceOutOfMemory,
    /// The machine's memory is used up, or was asked for more than it has.
    OutOfMemory,
    /// Arrays whose shapes do not fit each other, or a layer.
    ShapeMismatch,
    /// Arrays whose elements are of types that do not fit each other, or an operation.
    TypeMismatch,
    /// Arrays that are on different devices, or on one that an operation cannot use.
    WrongDevice,
    /// A device that is not there, or that the library cannot use.
    NoDevice,
}

use LearningFault::{DeviceOutOfMemory, NoDevice, OutOfMemory, ShapeMismatch, TypeMismatch, WrongDevice};

/// What a message contains, all parts of it in this order, and what that means. The first one that fits counts.
const SIGNS: &[(&[&str], LearningFault)] = &[
    // PyTorch.
    (&["CUDA out of memory"], DeviceOutOfMemory),
    (&["HIP out of memory"], DeviceOutOfMemory),
    (&["XPU out of memory"], DeviceOutOfMemory),
    (&["MPS backend out of memory"], DeviceOutOfMemory),
    (&["CUDA error: out of memory"], DeviceOutOfMemory),
    (&["CUBLAS_STATUS_ALLOC_FAILED"], DeviceOutOfMemory),
    (&["DefaultCPUAllocator:", "memory: you tried to allocate"], OutOfMemory),
    (&["Expected all tensors to be on the same device"], WrongDevice),
    (&["Input type (torch.", "and weight type (torch.cuda."], WrongDevice),
    (&["Input type (torch.cuda.", "and weight type (torch."], WrongDevice),
    (&["can't convert", "device type tensor to numpy"], WrongDevice),
    (&["should be on the same device"], WrongDevice),
    (&["Torch not compiled with CUDA enabled"], NoDevice),
    (&["Found no NVIDIA driver"], NoDevice),
    (&["No CUDA GPUs are available"], NoDevice),
    (&["no CUDA-capable device is detected"], NoDevice),
    (&["deserialize object on a CUDA device but torch.cuda.is_available() is False"], NoDevice),
    (&["CUDA error: invalid device ordinal"], NoDevice),
    (&["shapes cannot be multiplied"], ShapeMismatch),
    (&["The size of tensor", "must match the size of tensor"], ShapeMismatch),
    (&["Sizes of tensors must match except in dimension"], ShapeMismatch),
    (&["is invalid for input of size"], ShapeMismatch),
    (&["size mismatch"], ShapeMismatch),
    (&["Given groups=", "but got", "channels instead"], ShapeMismatch),
    (&["stack expects each tensor to be equal size"], ShapeMismatch),
    (&["The expanded size of the tensor", "must match the existing size"], ShapeMismatch),
    (&["Expected input batch_size", "to match target batch_size"], ShapeMismatch),
    (&["Using a target size", "different to the input size"], ShapeMismatch),
    (&["expected scalar type", "but found"], TypeMismatch),
    (&["to have the same dtype, but got"], TypeMismatch),
    (&["must have the same dtype"], TypeMismatch),
    (&["Input type (", "and bias type (", "should be the same"], TypeMismatch),
    (&["result type", "can't be cast to the desired output type"], TypeMismatch),
    (&["not implemented for '"], TypeMismatch),
    // JAX. Its devices run out of memory by a status.
    (&["RESOURCE_EXHAUSTED"], DeviceOutOfMemory),
    (&["incompatible shapes for broadcasting"], ShapeMismatch),
    (&["requires contracting dimensions to have the same shape"], ShapeMismatch),
    (&["Incompatible shapes for broadcasting"], ShapeMismatch),
    (&["requires arguments to have the same dtypes"], TypeMismatch),
    (&["Received incompatible devices for jitted computation"], WrongDevice),
    (&["Unable to initialize backend"], NoDevice),
    // TensorFlow.
    (&["OOM when allocating tensor", "device:GPU:"], DeviceOutOfMemory),
    (&["OOM when allocating tensor"], OutOfMemory),
    (&["Incompatible shapes:"], ShapeMismatch),
    (&["Matrix size-incompatible:"], ShapeMismatch),
    (&["Dimensions must be equal, but are"], ShapeMismatch),
    (&["is incompatible with the layer"], ShapeMismatch),
    (&["Shapes ", " are incompatible"], ShapeMismatch),
    (&["was expected to be a", "tensor but is a"], TypeMismatch),
    (&["Could not satisfy device specification"], NoDevice),
    // NumPy.
    (&["Unable to allocate", "for an array with shape"], OutOfMemory),
    (&["operands could not be broadcast together"], ShapeMismatch),
    (&["could not broadcast input array from shape"], ShapeMismatch),
    (&["mismatch in its core dimension"], ShapeMismatch),
    (&["not aligned:"], ShapeMismatch),
    (&["cannot reshape array of size"], ShapeMismatch),
    (&["array dimensions", "must match exactly"], ShapeMismatch),
    (&["all input arrays must have the same shape"], ShapeMismatch),
    (&["inhomogeneous shape"], ShapeMismatch),
    (&["shape mismatch: objects cannot be broadcast"], ShapeMismatch),
    (&["boolean index did not match indexed array"], ShapeMismatch),
    (&["did not contain a loop with signature matching types"], TypeMismatch),
    (&["Cannot cast ufunc"], TypeMismatch),
    (&["Cannot cast array data from dtype"], TypeMismatch),
    (&["not supported for the input types"], TypeMismatch),
];

impl LearningFault {
    /// What an exception of this class with this message means; `None` when it is none of these.
    ///
    /// ```
    /// use snakebridge::error::LearningFault;
    ///
    /// let message = "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)";
    /// assert_eq!(LearningFault::recognise("RuntimeError", message), Some(LearningFault::ShapeMismatch));
    /// ```
    pub fn recognise(type_name: &str, message: &str) -> Option<Self> {
        let found = SIGNS.iter().find(|(parts, _)| contains_in_order(message, parts));
        found.map(|&(_, fault)| fault).or(match type_name {
            "torch.OutOfMemoryError" | "torch.cuda.OutOfMemoryError" => Some(DeviceOutOfMemory),
            "MemoryError" => Some(OutOfMemory),
            _ => None,
        })
    }

    /// A stable name in snake case, for logs and metrics.
    pub fn code(self) -> &'static str {
        match self {
            DeviceOutOfMemory => "device_out_of_memory",
            OutOfMemory => "out_of_memory",
            ShapeMismatch => "shape_mismatch",
            TypeMismatch => "type_mismatch",
            WrongDevice => "wrong_device",
            NoDevice => "no_device",
        }
    }

    /// What to try, in a sentence.
    pub fn hint(self) -> &'static str {
        match self {
            DeviceOutOfMemory => {
                "send smaller batches, free what is cached, or have fewer workers share the device; a smaller floating-point \
                 type takes half the memory"
            }
            OutOfMemory => "send smaller batches, or process the data as a stream; check the shape that was asked for",
            ShapeMismatch => {
                "compare the shapes in the message with what the operation or the layer takes; a dimension for the batch is \
                 missing, or two are swapped"
            }
            TypeMismatch => {
                "convert one side first: `tensor.to(dtype)` or `array.astype(dtype)`; NumPy makes `float64`, models take `float32`"
            }
            WrongDevice => {
                "move model and data to the same device first (`.to(device)`), and results back before they leave (`.cpu()`)"
            }
            NoDevice => {
                "check that the device is visible to the worker (drivers, `CUDA_VISIBLE_DEVICES`) and that the library is built for \
                 it, or fall back to the CPU"
            }
        }
    }
}

fn contains_in_order(mut text: &str, parts: &[&str]) -> bool {
    parts.iter().all(|part| match text.find(part) {
        Some(at) => {
            text = &text[at + part.len()..];
            true
        }
        None => false,
    })
}

impl Exception {
    /// What it means, when it is of a kind that is common in libraries of machine learning. It, or its nearest cause that is.
    pub fn learning_fault(&self) -> Option<LearningFault> {
        let causes = self.causes.iter().flatten();
        let own = LearningFault::recognise(&self.type_name, &self.message);
        own.or_else(|| causes.into_iter().find_map(|cause| LearningFault::recognise(&cause.type_name, &cause.message)))
    }
}

impl Error {
    /// What the exception of the tool means, when it is of a kind that is common in libraries of machine learning.
    pub fn learning_fault(&self) -> Option<LearningFault> {
        self.exception().and_then(Exception::learning_fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What libraries say, to the letter.
    const MESSAGES: &[(&str, &str, Option<LearningFault>)] = &[
        (
            "torch.OutOfMemoryError",
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 15.77 GiB of which 14.20 GiB is free.",
            Some(DeviceOutOfMemory),
        ),
        (
            "RuntimeError",
            "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
            Some(DeviceOutOfMemory),
        ),
        (
            "RuntimeError",
            "MPS backend out of memory (MPS allocated: 8.00 GB, other allocations: 1.00 GB, max allowed: 9.07 GB).",
            Some(DeviceOutOfMemory),
        ),
        (
            "RuntimeError",
            "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate \
             4000000000000 bytes. Error code 12 (Cannot allocate memory)",
            Some(OutOfMemory),
        ),
        ("RuntimeError", "mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)", Some(ShapeMismatch)),
        (
            "RuntimeError",
            "The size of tensor a (3) must match the size of tensor b (4) at non-singleton dimension 0",
            Some(ShapeMismatch),
        ),
        ("RuntimeError", "shape '[2, 3]' is invalid for input of size 7", Some(ShapeMismatch)),
        (
            "RuntimeError",
            "Error(s) in loading state_dict for Linear:\n\tsize mismatch for weight: copying a param with shape torch.Size([2, 3]) \
             from checkpoint, the shape in current model is torch.Size([2, 4]).",
            Some(ShapeMismatch),
        ),
        (
            "RuntimeError",
            "Given groups=1, weight of size [8, 3, 3, 3], expected input[1, 1, 9, 9] to have 3 channels, but got 1 channels instead",
            Some(ShapeMismatch),
        ),
        ("RuntimeError", "expected scalar type Float but found Double", Some(TypeMismatch)),
        ("RuntimeError", "mat1 and mat2 must have the same dtype, but got Double and Float", Some(TypeMismatch)),
        ("RuntimeError", "expected m1 and m2 to have the same dtype, but got: float != double", Some(TypeMismatch)),
        ("RuntimeError", "Input type (double) and bias type (float) should be the same", Some(TypeMismatch)),
        ("RuntimeError", "\"addmm_impl_cpu_\" not implemented for 'Half'", Some(TypeMismatch)),
        (
            "RuntimeError",
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! (when checking \
             argument for argument mat1 in method wrapper_CUDA_addmm)",
            Some(WrongDevice),
        ),
        (
            "RuntimeError",
            "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same or input should be a \
             MKLDNN tensor and weight is a dense tensor",
            Some(WrongDevice),
        ),
        (
            "TypeError",
            "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.",
            Some(WrongDevice),
        ),
        ("AssertionError", "Torch not compiled with CUDA enabled", Some(NoDevice)),
        (
            "RuntimeError",
            "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver",
            Some(NoDevice),
        ),
        ("RuntimeError", "No CUDA GPUs are available", Some(NoDevice)),
        (
            "jaxlib.xla_extension.XlaRuntimeError",
            "RESOURCE_EXHAUSTED: Out of memory while trying to allocate 4294967296 bytes.",
            Some(DeviceOutOfMemory),
        ),
        ("TypeError", "add got incompatible shapes for broadcasting: (2,), (3,).", Some(ShapeMismatch)),
        (
            "TypeError",
            "dot_general requires contracting dimensions to have the same shape, got (3,) and (4,).",
            Some(ShapeMismatch),
        ),
        ("TypeError", "lax.add requires arguments to have the same dtypes, got float32, int32.", Some(TypeMismatch)),
        (
            "ValueError",
            "Received incompatible devices for jitted computation. Got argument x of f with shape float32[2] and device ids [0] \
             on platform GPU and argument y of f with shape float32[2] and device ids [0] on platform CPU",
            Some(WrongDevice),
        ),
        (
            "tensorflow.python.framework.errors_impl.ResourceExhaustedError",
            "{{function_node __wrapped__AddV2}} OOM when allocating tensor with shape[100000,100000] and type float on \
             /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc [Op:AddV2]",
            Some(DeviceOutOfMemory),
        ),
        (
            "tensorflow.python.framework.errors_impl.ResourceExhaustedError",
            "OOM when allocating tensor with shape[100000,100000] and type float on \
             /job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu [Op:AddV2]",
            Some(OutOfMemory),
        ),
        (
            "tensorflow.python.framework.errors_impl.InvalidArgumentError",
            "{{function_node __wrapped__AddV2_device_/job:localhost/replica:0/task:0/device:CPU:0}} Incompatible shapes: [2] vs. [3] \
             [Op:AddV2] name: ",
            Some(ShapeMismatch),
        ),
        (
            "ValueError",
            "Input 0 of layer \"dense\" is incompatible with the layer: expected axis -1 of input shape to have value 3, but \
             received input with shape (None, 4)",
            Some(ShapeMismatch),
        ),
        (
            "tensorflow.python.framework.errors_impl.InvalidArgumentError",
            "cannot compute AddV2 as input #1(zero-based) was expected to be a float tensor but is a double tensor [Op:AddV2] name: ",
            Some(TypeMismatch),
        ),
        (
            "numpy._core._exceptions._ArrayMemoryError",
            "Unable to allocate 7.28 TiB for an array with shape (1000000, 1000000) and data type float64",
            Some(OutOfMemory),
        ),
        ("ValueError", "operands could not be broadcast together with shapes (2,) (3,) ", Some(ShapeMismatch)),
        (
            "ValueError",
            "matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature (n?,k),(k,m?)->(n?,m?) (size 4 \
             is different from 3)",
            Some(ShapeMismatch),
        ),
        ("ValueError", "shapes (2,3) and (2,3) not aligned: 3 (dim 1) != 2 (dim 0)", Some(ShapeMismatch)),
        ("ValueError", "cannot reshape array of size 6 into shape (4,2)", Some(ShapeMismatch)),
        ("MemoryError", "", Some(OutOfMemory)),
        ("ValueError", "no tea left", None),
        ("RuntimeError", "the shape of things to come", None),
        ("KeyError", "'device'", None),
    ];

    #[test]
    fn what_libraries_say_is_recognised_and_what_others_say_is_not() {
        for (type_name, message, expected) in MESSAGES {
            assert_eq!(LearningFault::recognise(type_name, message), *expected, "{type_name}: {message}");
        }
    }

    #[test]
    fn an_exception_is_what_its_cause_was() {
        let mut exception = Exception::new("my.TrainingFailed", "epoch 3");
        assert_eq!(exception.learning_fault(), None);
        let mut cause = crate::error::Cause::default();
        (cause.type_name, cause.message) = ("RuntimeError".into(), "CUDA out of memory.".into());
        exception.causes = Some(vec![cause]);
        assert_eq!(exception.learning_fault(), Some(DeviceOutOfMemory));
    }

    #[test]
    fn each_sign_is_met_by_some_message_or_is_a_variant_of_one() {
        for (parts, fault) in SIGNS {
            assert_eq!(
                LearningFault::recognise("", &parts.join(" … ")),
                Some(*fault),
                "{parts:?} is hidden by an earlier one"
            );
        }
    }
}
