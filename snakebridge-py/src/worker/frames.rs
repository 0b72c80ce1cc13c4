//! Single frames and values, for tests: golden vectors, and hosts that are scripted in Python.

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{IntoPyDict, PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};
use snakebridge::Value;
use snakebridge::body;
use snakebridge::error::ErrorKind;
use snakebridge::wire::Limits;
use snakebridge::wire::codec::{self, PREFIX};

use super::exceptions::forbidden;

/// Header elements (as Python values) and body of one whole frame, length prefix included. `ValueError(kind)` if the protocol
/// forbids it; `truncated` and `trailing` where the bytes are less or more than one frame.
#[pyfunction]
pub(crate) fn decode_frame<'py>(py: Python<'py>, data: &[u8]) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyBytes>)> {
    let frame = codec::parse(data, Limits::default().frame)
        .map_err(|violation| forbidden(violation.kind()))?
        .ok_or_else(|| forbidden("truncated"))?;
    if frame.length < data.len() {
        return Err(forbidden("trailing"));
    }
    let header: Value = body::decode(&data[PREFIX..frame.body.start]).map_err(|_| forbidden("decode"))?;
    Ok((to_python(py, &header)?, PyBytes::new(py, &data[frame.body])))
}

/// One frame, length prefix included, whether or not the protocol allows it.
#[pyfunction]
pub(crate) fn encode_frame<'py>(
    py: Python<'py>,
    header: &Bound<'py, PyList>,
    body: &[u8],
) -> PyResult<Bound<'py, PyBytes>> {
    let header = from_python(header.as_any())?;
    let header = body::encode(&header).map_err(|error| PyValueError::new_err(error.to_string()))?;
    let length = u32::try_from(header.len() + body.len()).map_err(|_| forbidden("frame_too_large"))?;
    Ok(PyBytes::new(py, &[&length.to_be_bytes(), &header[..], body].concat()))
}

/// `ValueError(kind)` unless `data` is exactly one MessagePack document within the depth and item limits.
#[pyfunction]
pub(crate) fn check_value(data: &[u8]) -> PyResult<()> {
    body::check(data, &Limits::default()).map_err(|error| match error.kind() {
        ErrorKind::Protocol(violation) => forbidden(violation.kind()),
        _ => forbidden("trailing"),
    })
}

/// One MessagePack document as Python values, decoded by the host's decoder. `ValueError` where it refuses: the kind of violation,
/// `value` for an extension that means nothing, or `extension` for one that does but for integers; `TypeError` for a key that Python
/// cannot have.
#[pyfunction]
pub(crate) fn decode_value<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    check_value(data)?;
    let value: Value = body::decode(data).map_err(|_| forbidden("value"))?;
    to_python(py, &value)
}

/// One MessagePack document, decoded and encoded again by the host. `ValueError` where it refuses.
#[pyfunction]
pub(crate) fn recode_value<'py>(py: Python<'py>, data: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let recode = |data| body::encode(&body::decode::<Value>(data)?);
    let encoded = recode(data).map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &encoded))
}

fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Nil => py.None().into_bound(py),
        Value::Bool(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Int(value) => value.into_pyobject(py)?.into_any(),
        Value::UInt(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Str(value) => PyString::new(py, value).into_any(),
        Value::Bytes(value) => PyBytes::new(py, value).into_any(),
        Value::Array(values) => {
            let elements: Vec<_> = values.iter().map(|value| to_python(py, value)).collect::<PyResult<_>>()?;
            PyList::new(py, elements)?.into_any()
        }
        Value::Map(entries) => {
            let map = PyDict::new(py);
            for (key, value) in entries {
                map.set_item(to_python(py, key)?, to_python(py, value)?)?;
            }
            map.into_any()
        }
        Value::BigInt(value) => {
            let bytes = PyBytes::new(py, value.as_bytes());
            let signed = [("signed", true)].into_py_dict(py)?;
            py.get_type::<PyInt>().call_method("from_bytes", (bytes, "big"), Some(&signed))?
        }
        _ => return Err(forbidden("extension")),
    })
}

fn from_python(object: &Bound<'_, PyAny>) -> PyResult<Value> {
    if object.is_none() {
        return Ok(Value::Nil);
    }
    if let Ok(value) = object.cast::<PyBool>() {
        return Ok(Value::Bool(value.is_true()));
    }
    if object.is_instance_of::<PyInt>() {
        return object.extract().map(Value::Int).or_else(|_| object.extract().map(Value::UInt));
    }
    if object.is_instance_of::<PyFloat>() {
        return object.extract().map(Value::Float);
    }
    if let Ok(value) = object.cast::<PyString>() {
        return Ok(Value::Str(value.to_str()?.to_owned()));
    }
    if let Ok(value) = object.cast::<PyBytes>() {
        return Ok(Value::Bytes(value.as_bytes().to_vec().into()));
    }
    if let Ok(map) = object.cast::<PyDict>() {
        let entry = |(key, value): (Bound<'_, PyAny>, Bound<'_, PyAny>)| Ok((from_python(&key)?, from_python(&value)?));
        return map.iter().map(entry).collect::<PyResult<_>>().map(Value::Map);
    }
    if object.is_instance_of::<PyList>() || object.is_instance_of::<PyTuple>() {
        return object.try_iter()?.map(|element| from_python(&element?)).collect::<PyResult<_>>().map(Value::Array);
    }
    Err(PyTypeError::new_err(format!("a header cannot hold {}", object.get_type().name()?)))
}
