# onnxcc_add_model(TARGET ...): compile an ONNX model into a library, at build time.
#
#   onnxcc_add_model(<target>
#     MODEL <file.onnx>              # relative to the current source folder
#     [NAME <prefix>]                # C name of the model: <prefix>.h, <prefix>_run(); default: the target's name
#     [TYPE STATIC|OBJECT|SHARED]    # default: STATIC
#     [TARGET <target of onnxcc>]    # onnxcc --target=; default: onnxcc's own default
#     [OPTIONS <option>...]          # handed to onnxcc as they are
#     [EXTERNAL_DATA_DIRS <dir>...]  # other folders that the model's external data may lie in
#     [HEADER <variable>])           # gets the full path of the generated header
#
# Link <target> and include "<prefix>.h"; the include folders come along. The generated files lie in
# <current binary folder>/<target>.onnxcc/. They are made again when the model, its external data, onnxcc or the options change,
# and never otherwise: onnxcc writes a depfile that names every file it read (Ninja, Makefiles; with CMake 3.21 also Xcode and Visual Studio).
#
# Relies on the targets onnxcc::onnxcc (the command) and onnxcc::runtime (the folder of onnxcc_rt.h).
cmake_policy(PUSH)
cmake_policy(VERSION 3.20) # CMP0116: paths in depfiles

function(onnxcc_add_model target)
  cmake_parse_arguments(model "" "MODEL;NAME;TYPE;TARGET;HEADER" "OPTIONS;EXTERNAL_DATA_DIRS" ${ARGN})
  set(call "onnxcc_add_model(${target} ...)")
  if(model_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${call}: unknown argument ${model_UNPARSED_ARGUMENTS}. Keywords: MODEL NAME TYPE TARGET OPTIONS EXTERNAL_DATA_DIRS HEADER.")
  endif()
  if(model_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "${call}: nothing follows ${model_KEYWORDS_MISSING_VALUES}.")
  endif()
  if(NOT model_MODEL)
    message(FATAL_ERROR "${call}: MODEL <file.onnx> is missing.")
  endif()
  if(NOT model_NAME)
    set(model_NAME ${target})
  endif()
  if(NOT model_NAME MATCHES "^[A-Za-z][A-Za-z0-9_]*$")
    message(FATAL_ERROR "${call}: NAME \"${model_NAME}\" is no C name. Letters, digits and _ make one; it starts with a letter.")
  endif()
  if(NOT model_TYPE)
    set(model_TYPE STATIC)
  endif()
  if(NOT model_TYPE MATCHES "^(STATIC|OBJECT|SHARED)$")
    message(FATAL_ERROR "${call}: TYPE is \"${model_TYPE}\"; it can be STATIC, OBJECT or SHARED.")
  endif()
  get_property(languages GLOBAL PROPERTY ENABLED_LANGUAGES)
  if(NOT "C" IN_LIST languages)
    message(FATAL_ERROR "${call}: the generated code is C. Add it: project(${PROJECT_NAME} LANGUAGES C ...) or enable_language(C).")
  endif()
  get_filename_component(file "${model_MODEL}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")

  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${target}.onnxcc")
  file(MAKE_DIRECTORY "${folder}")
  set(source "${folder}/${model_NAME}.c")
  set(header "${folder}/${model_NAME}.h")
  set(options --name=${model_NAME})
  if(model_TARGET)
    list(APPEND options --target=${model_TARGET})
  endif()
  foreach(data IN LISTS model_EXTERNAL_DATA_DIRS)
    get_filename_component(data "${data}" ABSOLUTE BASE_DIR "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND options "--external-data-dir=${data}")
  endforeach()
  list(APPEND options ${model_OPTIONS})

  add_custom_command(
    OUTPUT "${source}" "${header}"
    COMMAND onnxcc::onnxcc "${file}" -o "${source}" -MD -MF "${source}.d" ${options}
    DEPENDS "${file}" "$<TARGET_FILE:onnxcc::onnxcc>"
    DEPFILE "${source}.d"
    COMMENT "Compiling ${model_MODEL} to ${model_NAME}.c"
    VERBATIM)
  add_library(${target} ${model_TYPE} "${source}" "${header}")
  # The weights, where they lie in a file of their own, are found through the include folder (.incbin).
  target_include_directories(${target} PUBLIC "$<BUILD_INTERFACE:${folder}>")
  target_link_libraries(${target} PUBLIC "$<BUILD_INTERFACE:onnxcc::runtime>")
  set_property(TARGET ${target} APPEND PROPERTY ADDITIONAL_CLEAN_FILES "${folder}/${model_NAME}.weights.bin" "${source}.d")
  if(model_HEADER)
    set(${model_HEADER} "${header}" PARENT_SCOPE)
  endif()
endfunction()

cmake_policy(POP)
